import { expect } from 'chai'
import { parse } from 'yaml'
import { type Project, packedProject, typescript7 } from '../package/packed.ts'
import { type CodeBlock, codeBlocks, markdownPages } from '../support/markdown.ts'

const FLAGS = [
  ...['--noEmit', '--pretty', 'false', '--strict', '--skipLibCheck'],
  ...['--target', 'es2023', '--lib', 'es2023,dom', '--module', 'nodenext', '--types', 'node'],
]

/**
 * What a page has said before, or takes for granted: a name that a block uses and does not declare
 * is declared so.
 */
const CONTEXT: Readonly<Record<string, string>> = {
  z: `import { z } from 'zod'`,
  critical: `import { critical } from 'fastify-spillway'`,
  cosmetic: `import { cosmetic } from 'fastify-spillway'`,
  KiB: `import { KiB } from 'fastify-spillway'`,
  ServerOf: `import type { ServerOf } from 'fastify-spillway'`,
  FastifyRequest: `import type { FastifyRequest } from 'fastify'`,
  FastifyReply: `import type { FastifyReply } from 'fastify'`,
  messages: `import { messages } from './messages.mjs'`,
  app: `declare const app: import('fastify').FastifyInstance & {
    verifyAdmin: import('fastify').onRequestAsyncHookHandler;
    verifyOperator: import('fastify').onRequestAsyncHookHandler
  }`,
  io: `declare const io: import('socket.io').Server`,
  socket: `declare const socket: import('socket.io').Socket`,
  url: 'declare const url: string',
  chunk: 'declare const chunk: Buffer',
  frame: 'declare const frame: { game: string; frame: number }',
  book: 'declare const book: (taken: boolean) => void',
  count: 'declare const count: (taken: boolean[]) => void',
  show: 'declare const show: (amount: number) => void',
}

const MESSAGES = `
  import { z } from 'zod'
  import { cosmetic, critical } from 'fastify-spillway'
  const frame = z.object({ game: z.string(), frame: z.number() })
  export const messages = {
    'jackpot:won': critical(z.object({ game: z.string(), amount: z.number() })),
    'reel:frame': cosmetic(frame, { conflateBy: 'game' }),
  }`

/** Of a block, one line longer than it for each name of its context. */
function withContext({ code }: CodeBlock): { source: string; added: number } {
  const bare = code.replaceAll(/\/\/.*|'[^'\n]*'/g, '')
  const names = { ...CONTEXT, spillway: spillwayOf(bare) }
  const missing = Object.entries(names).filter(
    ([name]) => new RegExp(`(?<![.\\w])${name}\\b(?!:)`).test(bare) && !declares(code, name),
  )
  const lines = missing.map(([, line]) => line.replaceAll('\n', ' '))
  return { source: [...lines, code, 'export {}'].join('\n'), added: lines.length }
}

/** The plugin where it is registered, else the handle. */
function spillwayOf(code: string): string {
  return /register\(spillway/.test(code)
    ? `import spillway from 'fastify-spillway'`
    : `declare const spillway: import('fastify-spillway').Spillway`
}

function declares(code: string, name: string): boolean {
  const declared = new RegExp(`(?:const|interface|type) (?:${name}\\b|\\{[^}=]*\\b${name}\\b)`)
  const imported = new RegExp(`import [^;\\n]*\\b${name}\\b[^\\n]* from `)
  return declared.test(code) || imported.test(code)
}

describe('Code in the documentation', function () {
  this.timeout(120_000)
  let project: Project
  before(async () => {
    project = await packedProject()
    await project.write('messages.mts', MESSAGES)
  })
  after(() => project.close())

  const blocksOf = (language: string) =>
    markdownPages()
      .map((page) => codeBlocks(page).filter((block) => block.language === language))
      .filter(([first]) => first !== undefined)

  for (const blocks of blocksOf('ts')) {
    const { page } = blocks[0]!
    it(`compiles against the package: ${page}`, async () => {
      const offsets = new Map<string, number>()
      for (const block of blocks) {
        const { source, added } = withContext(block)
        const name = `${page.replaceAll(/\W/g, '-')}-${block.line}.mts`
        offsets.set(name, block.line - added - 1)
        await project.write(name, source)
      }
      const said = await project
        .node(typescript7(), ...FLAGS, ...offsets.keys())
        .catch(({ stdout }: { stdout: string }) => stdout)
      const where = said.replaceAll(
        /^([\w-]+\.mts)\((\d+),/gm,
        (_, name: string, line: string) => `${page}(${Number(line) + offsets.get(name)!},`,
      )
      expect(where).to.equal('')
    })
  }

  it('is loaded by `require` as it is shown', async () => {
    const blocks = blocksOf('js')
      .flat()
      .filter(({ code }) => code.includes('require('))
    expect(blocks).to.not.deep.equal([])
    for (const { page, line, code } of blocks) {
      const named = /\{ (.*) \}/
        .exec(code)![1]!
        .split(', ')
        .map((each) => each.split(': ').at(-1))
      const check = `${code}console.log([${named}].every((each) => typeof each === 'function'))`
      const file = await project.write('required.cjs', check)
      expect(await project.node(file), `${page}:${line}`).to.equal('true\n')
    }
  })

  it('is JSON and YAML where it says so', () => {
    for (const { page, line, code } of blocksOf('json').flat()) {
      expect(() => JSON.parse(code), `${page}:${line}`).to.not.throw()
    }
    for (const { page, line, code } of blocksOf('yaml').flat()) {
      expect(parse(code), `${page}:${line}`).to.be.an('object')
    }
  })
})
