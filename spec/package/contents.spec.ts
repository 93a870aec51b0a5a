import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { linksOf, pageAt } from '../support/markdown.ts'

const cwd = fileURLToPath(new URL('../..', import.meta.url))
const run = promisify(execFile)

describe('The contents of the package', () => {
  let files: string[]
  before(async () => {
    const args = ['pack', '--dry-run', '--json', '--ignore-scripts']
    const { stdout } = await run('npm', args, { cwd })
    const [packed] = JSON.parse(stdout) as [{ files: Array<{ path: string }> }]
    files = packed.files.map(({ path }) => path)
  })

  it('have every page and picture that one of its pages links to', () => {
    const pages = files.filter((path) => path.endsWith('.md'))
    expect(pages).to.include.members(['README.md', 'docs/README.md', 'docs/reference.md'])
    for (const path of pages) {
      for (const { target } of linksOf(pageAt(path))) {
        if (!/^https?:/.test(target)) expect(files, `${path} links to it`).to.include(target)
      }
    }
  })

  it('have the alert rules and the dashboard of Grafana', () => {
    expect(files).to.include.members(['docs/alerts.yml', 'docs/grafana.json'])
  })

  it('have nothing of the sources, the specs and the tools', () => {
    const foreign = files.filter((path) => /^(lib|schemas|spec|bench|demo|\.)|\.ts$/.test(path))
    expect(foreign.filter((path) => !path.startsWith('dist/'))).to.deep.equal([])
  })
})
