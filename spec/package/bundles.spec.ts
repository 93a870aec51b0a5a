import { mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import { type BuildOptions, build } from 'esbuild'
import { type Browser, openBrowser } from '../support/browser/browser.ts'
import { type Project, packedProject } from './packed.ts'

const lib = fileURLToPath(new URL('../../lib', import.meta.url))

/** What the packages of an application in one file need of Node. */
const REQUIRE =
  "import { createRequire } from 'node:module'; const require = createRequire(import.meta.url);"

const MESSAGES = `
  import { z } from 'zod'
  import { cosmetic, critical } from 'fastify-spillway/messages'
  const seat = critical(z.object({ kind: z.literal('seat') }))
  const talk = cosmetic(z.object({ kind: z.literal('talk') }), { rank: 3 })
  export const messages = {
    won: critical(z.object({ n: z.number() })),
    frame: cosmetic(z.object({ n: z.number() }), { conflateBy: 'n' }),
    moved: cosmetic(z.tuple([z.string(), z.number()])),
    table: z.discriminatedUnion('kind', [seat, talk]),
  }`

/** Tells what the admin routes answer, and how the events are classified. */
const SERVER = `
  import Fastify from 'fastify'
  import { Server } from 'socket.io'
  import { messages } from './messages'
  import spillway, { attach } from 'fastify-spillway'
  const warnings = []
  const stream = { write: (line) => warnings.push(JSON.parse(line).msg) }
  async function main() {
    const app = Fastify({ logger: { level: 'warn', stream } })
    await app.register(spillway, { messages, admin: { auth: false } })
    const answers = []
    for (const path of ['', '/clients?limit=0', '/ui', '/ui/', '/ui/page.js', '/ui/uPlot.esm.js']) {
      const { statusCode, headers, body } = await app.inject('/spillway' + path)
      const type = String(headers['content-type']).split(';')[0]
      answers.push([path, statusCode, type].join(' ') + (statusCode === 404 ? ' ' + JSON.parse(body).message : ''))
    }
    const events = app.spillway.stats().events.map((each) => each.class + ' ' + each.event)
    await app.close()
    const io = new Server()
    io.attachApp({ any() { return this }, ws() {}, get() {} })
    let refusal
    try { attach(io) } catch (error) { refusal = error.name + ' ' + error.code }
    console.log(JSON.stringify({ answers, warnings, events, refusal }))
    process.exit(0)
  }
  main()`

const EVENTS = [
  'critical won',
  'critical frame',
  'cosmetic frame',
  'critical moved',
  'cosmetic moved',
  'critical table',
  'cosmetic table',
]

describe('Bundles', function () {
  this.timeout(60_000)
  let project: Project
  before(async () => {
    project = await packedProject()
    await project.write('messages.ts', MESSAGES)
    await project.write('server.ts', SERVER)
  })
  after(() => project.close())

  const bundle = (format: 'esm' | 'cjs', options: BuildOptions = {}) =>
    build({
      absWorkingDir: project.folder,
      entryPoints: ['server.ts'],
      bundle: true,
      platform: 'node',
      format,
      outdir: 'out',
      outExtension: { '.js': format === 'cjs' ? '.cjs' : '.mjs' },
      ...(format === 'esm' && { banner: { js: REQUIRE } }),
      logLevel: 'silent',
      ...options,
    })
  const runIt = async (format: 'esm' | 'cjs') =>
    JSON.parse(await project.node(join('out', `server.${format === 'cjs' ? 'cjs' : 'mjs'}`)))

  const ALL = {
    answers: [
      ' 200 application/json',
      '/clients?limit=0 400 application/json',
      '/ui 200 text/html',
      '/ui/ 200 text/html',
      '/ui/page.js 200 text/javascript',
      '/ui/uPlot.esm.js 200 text/javascript',
    ],
    warnings: [],
    events: EVENTS,
    refusal: 'SpillwayError SPILLWAY_UNSUPPORTED_ENGINE',
  }
  const HOW: Record<string, BuildOptions> = {
    'in one file': {},
    minified: { minify: true },
    'with the packages beside it': { packages: 'external' },
  }
  for (const format of ['esm', 'cjs'] as const) {
    for (const [how, options] of Object.entries(HOW)) {
      it(`run as without a bundler: ${format}, ${how}`, async () => {
        await bundle(format, options)
        const told = await runIt(format)
        expect({ ...told, events: withoutOther(told.events) }).to.deep.equal(ALL)
      })
    }

    it(`say so where the files of the dashboard were left behind, and go on: ${format}`, async () => {
      // the package has them in a module; its source looks for them in a folder
      await bundle(format, {
        alias: {
          'fastify-spillway/messages': join(lib, 'message-schemas.ts'),
          'fastify-spillway': join(lib, 'index.ts'),
        },
      })
      const { answers, warnings, events } = await runIt(format)
      const said =
        '404 application/json the files of the dashboard were not found: the server runs from a bundle without them'
      expect(answers.slice(0, 4)).to.deep.equal([
        ...ALL.answers.slice(0, 2),
        `/ui ${said}`,
        `/ui/ ${said}`,
      ])
      expect(warnings).to.deep.equal([
        'spillway: the files of the dashboard were not found; the other admin routes work',
      ])
      expect(withoutOther(events)).to.deep.equal(EVENTS)
    })
  }

  it('run in several files, which are loaded when they are needed', async () => {
    await bundle('esm', { splitting: true })
    const told = await runIt('esm')
    expect({ ...told, events: withoutOther(told.events) }).to.deep.equal(ALL)
  })

  describe('beside other copies', () => {
    const events = async (...args: string[]) =>
      withoutOther(JSON.parse(await project.node(...args)))
    const report = 'const { events } = attach(new Server(), { messages }).stats()'
    const print = 'console.log(JSON.stringify(events.map((each) => each.class + " " + each.event)))'

    it('know the annotations of messages that were bundled with their own, zod included', async () => {
      const outfile = 'out/messages.cjs'
      await build({
        absWorkingDir: project.folder,
        entryPoints: ['messages.ts'],
        bundle: true,
        platform: 'node',
        format: 'cjs',
        minify: true,
        outfile,
        logLevel: 'silent',
      })
      await project.write(
        'copies.mjs',
        `import { Server } from 'socket.io'
         import { attach } from 'fastify-spillway'
         import shared from './${outfile}'
         const { messages } = shared
         ${report}
         ${print}`,
      )
      expect(await events('copies.mjs')).to.deep.equal(EVENTS)
    })

    it("know those of CommonJS, whose zod is another one than an ES module's", async () => {
      await project.write(
        'copies.cjs',
        `const { Server } = require('socket.io')
         const { z } = require('zod')
         const { attach, cosmetic, critical } = require('fastify-spillway')
         ${MESSAGES.replace(/import .*/g, '').replace('export ', '')}
         ${report}
         ${print}`,
      )
      expect(await events('copies.cjs')).to.deep.equal(EVENTS)
    })
  })

  describe('for a page', () => {
    let browser: Browser
    before(async () => {
      browser = await openBrowser()
    })
    after(() => browser.close())

    for (const entry of ['fastify-spillway/messages', 'fastify-spillway']) {
      it(`share the annotated schemas, by ${entry}, and nothing of Node`, async () => {
        await mkdir(join(project.folder, 'page'), { recursive: true })
        await project.write(
          'page/messages.ts',
          MESSAGES.replace('fastify-spillway/messages', entry),
        )
        await project.write(
          'page/page.ts',
          `import { priorities } from '${entry}'
           import { messages } from './messages'
           document.title = JSON.stringify({
             frame: priorities.get(messages.frame),
             valid: messages.won.safeParse({ n: 1 }).success,
             invalid: messages.won.safeParse({ n: '1' }).success,
           })`,
        )
        const { metafile } = await build({
          absWorkingDir: project.folder,
          entryPoints: ['page/page.ts'],
          bundle: true,
          platform: 'browser',
          format: 'iife',
          minify: true,
          outfile: 'out/page.js',
          metafile: true,
          logLevel: 'silent',
        })
        const packages = Object.keys(metafile.inputs).flatMap(
          (path) => /node_modules\/([^/]+)\//.exec(path)?.[1] ?? [],
        )
        expect([...new Set(packages)].sort()).to.deep.equal(['fastify-spillway', 'zod'])
        const page = await browser.page()
        await page.addScriptTag({
          content: await readFile(join(project.folder, 'out/page.js'), 'utf8'),
        })
        expect(JSON.parse(await page.title())).to.deep.equal({
          frame: { class: 'cosmetic', conflateBy: 'n' },
          valid: true,
          invalid: false,
        })
        expect(browser.troubles).to.deep.equal([])
        await page.close()
      })
    }
  })
})

/** Without what has no annotation. */
function withoutOther(events: readonly string[]): string[] {
  return events.filter((event) => !event.endsWith(' other'))
}
