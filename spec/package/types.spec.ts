import { expect } from 'chai'
import { often } from '../support/thorough.ts'
import { type Project, packedProject, typescript5, typescript7 } from './packed.ts'

const FASTIFY = ['fastify', 'fastify-socket.io', 'fastify-type-provider-zod', '@fastify']

const COMMON = ['--noEmit', '--pretty', 'false', '--strict', '--preserveSymlinks']
const NODENEXT = ['--target', 'es2022', '--module', 'nodenext', '--types', 'node']
const BUNDLER = ['--target', 'es2022', '--module', 'esnext', '--moduleResolution', 'bundler']
const PAGE = ['--lib', 'es2022,dom', '--typeRoots', 'none']
const NODE10 = ['--target', 'es2022', '--module', 'commonjs', '--moduleResolution', 'node10']

const ATTACH = `
  import { attach, cosmetic, critical, type ServerOf, type SpillwayOptions } from 'fastify-spillway'
  import { registerMetrics, Registry } from 'fastify-spillway/metrics'
  import { Server } from 'socket.io'
  import { z } from 'zod'
  const messages = {
    won: critical(z.object({ n: z.number() }), { ack: z.string() }),
    frame: cosmetic(z.object({ n: z.number() }), { conflateBy: 'n' }),
  }
  const options: SpillwayOptions = { mode: 'observe' }
  const spillway = attach(new Server(), { ...options, messages })
  registerMetrics(spillway, new Registry())
  const io: ServerOf<typeof messages> = spillway.io
  io.emit('won', { n: 1 })
  io.on('connection', (socket) => void socket.emit('won', { n: 1 }, (answer) => answer.length))
  // @ts-expect-error the wrong payload
  io.emit('won', { n: '1' })
  spillway.events.once('closed', (client) => client.code.toUpperCase())
  // @ts-expect-error it is an emitter, and nothing more
  spillway.events.later
  // @ts-expect-error internal
  spillway.readings`

const PLUGIN = `
  import Fastify from 'fastify'
  import spillway, { critical, type SpillwayPluginOptions } from 'fastify-spillway'
  import { z } from 'zod'
  const app = Fastify()
  const messages = { won: critical(z.object({ n: z.number() })) }
  app.register(spillway, { messages, prefix: '/v2', logLevel: 'warn', logSerializers: {} })
  app.register(spillway, () => ({ messages }))
  app.register(spillway, {
    admin: {
      auth: async (request, reply) => {
        if (request.headers.authorization === undefined) return reply.code(401).send()
        // @ts-expect-error a request has no such property
        request.nothing
      },
    },
  })
  const options: SpillwayPluginOptions = { admin: { auth: false } }
  app.register(spillway, options)
  app.spillway.stats().clients.connected.toFixed()
  // @ts-expect-error no such option
  app.register(spillway, { adimn: {} })
  // @ts-expect-error no level
  app.register(spillway, { logLevel: 1 })`

const SHARED = `
  import { cosmetic, critical, type EventsOf } from 'fastify-spillway/messages'
  import { z } from 'zod'
  export const messages = {
    won: critical(z.object({ n: z.number() }), { ack: z.string() }),
    table: z.discriminatedUnion('kind', [
      critical(z.object({ kind: z.literal('seat') }), { ack: z.string() }),
      cosmetic(z.object({ kind: z.literal('talk') })),
    ]),
  }
  export type Events = EventsOf<typeof messages>
  export const on = (event: keyof Events) => document.addEventListener(event, () => {})`

describe('The types of the package', function () {
  this.timeout(120_000)
  let project: Project
  let withoutFastify: Project
  before(async () => {
    project = await packedProject()
    withoutFastify = await packedProject(FASTIFY)
  })
  after(async () => {
    await project.close()
    await withoutFastify.close()
  })

  /**
   * What the compiler says; nothing if it compiles. Engine.IO's own types do not fit those of Node
   * for TypeScript 5.6, whoever uses them.
   */
  const compile = async (
    tsc: string,
    { write, node }: Project,
    sources: Readonly<Record<string, string>>,
    flags: readonly string[],
  ): Promise<string> => {
    for (const [name, source] of Object.entries(sources)) await write(name, source)
    const said = await node(tsc, ...COMMON, ...flags, ...Object.keys(sources)).catch(
      ({ stdout }: { stdout: string }) => stdout,
    )
    return said.replace(/^node_modules\/engine\.io\/.*\n/gm, '')
  }

  const compilers = [
    ['TypeScript 7', typescript7()],
    ['TypeScript 5', typescript5()],
  ] as const
  // the older one is some ten times as slow
  for (const [version, tsc] of compilers.slice(0, often({ usually: 1, thoroughly: 2 }))) {
    describe(`with ${version}`, () => {
      it('are those of an application with Fastify, its hooks and its own options', async () => {
        expect(await compile(tsc, project, { 'plugin.mts': PLUGIN }, NODENEXT)).to.equal('')
      })

      it('need no Fastify, whose types are not there, nor skipLibCheck', async () => {
        expect(await compile(tsc, withoutFastify, { 'attach.mts': ATTACH }, NODENEXT)).to.equal('')
      })

      it("are those of a page's messages, without any of Node, and have names in declarations", async () => {
        const flags = [...BUNDLER, ...PAGE, '--noEmit', 'false', '--declaration', '--outDir', 'out']
        expect(await compile(tsc, project, { 'page.ts': SHARED }, flags)).to.equal('')
      })
    })
  }

  it('are those of messages that another package declares', async () => {
    const declaring = [...BUNDLER, ...PAGE, '--noEmit', 'false', '--declaration', '--outDir', 'out']
    await compile(typescript7(), project, { 'page.ts': SHARED }, declaring)
    const use = `
      import { on, type messages } from './out/page'
      import type { EventsOf } from 'fastify-spillway/messages'
      const listener: EventsOf<typeof messages>['won'] = ({ n }, ack) => ack(n.toFixed())
      on('won')
      void listener`
    const flags = [...BUNDLER, ...PAGE]
    expect(await compile(typescript7(), project, { 'use.ts': use }, flags)).to.equal('')
  })

  it('leave it to Fastify to be missing, where it is wanted and not there', async () => {
    const said = await compile(typescript7(), withoutFastify, { 'plugin.mts': PLUGIN }, NODENEXT)
    expect(said).to.match(/error TS2307: Cannot find module 'fastify'/)
    expect(said).to.not.include('node_modules/fastify-spillway')
  })

  // TypeScript 7 knows no other resolution than those above
  it('are found by the old resolution of TypeScript 5', async () => {
    const flags = [...NODE10, '--esModuleInterop', '--skipLibCheck', '--types', 'node']
    const shared = SHARED.replace('document', 'process').replace('addEventListener', 'on')
    const sources = { 'attach.ts': ATTACH, 'plugin.ts': PLUGIN, 'shared.ts': shared }
    expect(await compile(typescript5(), project, sources, flags)).to.equal('')
  })
})
