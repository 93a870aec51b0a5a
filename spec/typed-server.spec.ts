import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'

const root = fileURLToPath(new URL('..', import.meta.url))
const MARK = '@ts-expect-error'

describe('Types', () => {
  let project: string
  beforeEach(async () => {
    // within the repository, so that the compiler finds its packages
    project = await mkdtemp(join(root, '.types-'))
    const config = { extends: '../tsconfig.json', include: ['*.ts'] }
    await writeFile(join(project, 'tsconfig.json'), JSON.stringify(config))
  })
  afterEach(() => rm(project, { recursive: true }))

  /** Lines at which the compiler finds an error in this source. */
  async function errorsIn(source: string): Promise<number[]> {
    await writeFile(join(project, 'types.ts'), source)
    const compiler = join(root, 'node_modules/typescript/bin/tsc')
    const output = await new Promise<string>((resolve) => {
      const args = [compiler, '-p', project, '--pretty', 'false']
      execFile(process.execPath, args, (_error, stdout) => resolve(stdout))
    })
    const errors = output.matchAll(/types\.ts\((\d+),\d+\): error TS/g)
    return [...new Set(Array.from(errors, ([, line]) => Number(line)))].sort((a, b) => a - b)
  }

  for (const [file, marks] of [
    ['types.ts', 30],
    ['ack-types.ts', 15],
  ] as const) {
    const source = async () => {
      const text = await readFile(join(root, 'spec/support', file), 'utf8')
      return text.replaceAll('../../lib/', '../lib/')
    }

    it(`allow what ${file} does, and refuse what is marked there`, async () => {
      expect(await errorsIn(await source())).to.deep.equal([])
    }).timeout(60_000)

    it(`refuse it at each of the marks of ${file}: without them it does not compile`, async () => {
      const lines = (await source()).split('\n')
      const marked = lines.flatMap((line, index) =>
        line.includes(`// ${MARK}`) ? [index + 2] : [],
      )
      expect(marked).to.have.length.greaterThan(marks)
      const bare = lines.map((line) => line.replace(MARK, '')).join('\n')
      expect(await errorsIn(bare)).to.deep.equal(marked)
    }).timeout(60_000)
  }
})
