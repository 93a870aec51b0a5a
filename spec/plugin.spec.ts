import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { text } from 'node:stream/consumers'
import { fileURLToPath } from 'node:url'
import { expect } from 'chai'
import Fastify, { type FastifyInstance, type FastifyPluginAsync } from 'fastify'
import fastifySocketIo from 'fastify-socket.io'
import { Registry } from 'prom-client'
import sinon from 'sinon'
import { Server } from 'socket.io'
import { z } from 'zod'
import { attach } from '../lib/attach.ts'
import type { SpillwayError } from '../lib/base/errors.ts'
import spillway from '../lib/plugin.ts'
import type { SpillwayPluginOptions } from '../lib/plugin-options.ts'
import { messages } from './support/messages.ts'
import { type AppFixture, listen, startApp } from './support/servers/app.ts'
import './support/rejections.ts'
import { expectRefusal, refusalOfPromise } from './support/refusals.ts'
import { eventually } from './support/servers/server.ts'

describe('Plugin', () => {
  const open: Array<{ close(): Promise<unknown> }> = []
  const start = async (...args: Parameters<typeof startApp>) => {
    const fixture = await startApp(...args)
    open.push(fixture)
    return fixture
  }
  const empty = () => {
    const app = Fastify()
    open.push(app)
    return app
  }
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })

  /** A client gets what is emitted, and it went through the scheduler. */
  async function expectTapped({ io, app, client }: AppFixture): Promise<void> {
    const receiver = await client()
    const got = new Promise((resolve) => receiver.once('jackpot:won', resolve))
    io.emit('jackpot:won', { n: 1 })
    expect(await got).to.deep.equal({ n: 1 })
    const won = app.spillway.stats().events.find(({ event }) => event === 'jackpot:won')
    expect(won?.sent.messages).to.equal(1)
    expect(app.spillway.client(receiver.id!)?.transport).to.equal('websocket')
  }

  describe('the server', () => {
    it('is made on app.server if there is none, and decorated', async () => {
      const fixture = await start({ messages })
      expect(fixture.io).to.be.instanceOf(Server)
      await expectTapped(fixture)
      expect(fixture.app.spillway.io).to.equal(fixture.io)
    })

    it('is made with the given options', async () => {
      const fixture = await start({ messages, server: { path: '/live' } })
      const client = await fixture.client({ path: '/live' })
      expect(client.connected).to.equal(true)
      expect((await fetch(`${fixture.url}/socket.io/?EIO=4&transport=polling`)).status).to.equal(
        404,
      )
    })

    it('leaves the given options as they are, frozen ones too', async () => {
      const server = Object.freeze({ path: '/live' })
      const fixture = await start({ messages, server })
      expect((await fixture.client({ path: '/live' })).connected).to.equal(true)
      expect(server).to.deep.equal({ path: '/live' })
    })

    it('is that of fastify-socket.io', async () => {
      const fixture = await start({ messages }, (app) => app.register(fastifySocketIo.default))
      await expectTapped(fixture)
    })

    it('is the given one, before that of the app', async () => {
      const io = new Server()
      const fixture = await start({ messages, io }, (app) => {
        app.decorate('io', null)
        io.attach(app.server)
        app.addHook('preClose', async () => io.disconnectSockets(true))
      })
      expect(Reflect.get(fixture.app, 'io')).to.equal(null)
      await expectTapped(fixture)
    })

    const NONE: ReadonlyArray<[io: unknown, given: string]> = [
      [null, 'null'],
      [false, 'false'],
      [{}, 'an object'],
      ['/socket.io', '"/socket.io"'],
      [createServer(), 'an instance of Server'],
    ]
    const code = 'SPILLWAY_NOT_SOCKET_IO'
    const allowed = 'a Server of socket.io 4.7 or later'
    for (const [io, given] of NONE) {
      it(`may not be ${given}, as an option`, async () => {
        const app = empty()
        const refusal = await refusalOfPromise(app.register(spillway, { io: io as Server }))
        expectRefusal(refusal, code, 'io', given, allowed)
        expect(app.server.listenerCount('upgrade')).to.equal(0)
      })

      it(`may not be ${given}, as app.io`, async () => {
        const app = empty()
        app.decorate('io', io)
        expectRefusal(await refusalOfPromise(app.register(spillway)), code, 'io', given, allowed)
      })
    }
  })

  describe('a refusal', () => {
    const BAD: Record<string, SpillwayPluginOptions> = {
      SPILLWAY_INVALID_OPTION: { server: { path: '/x' }, grace: -1 },
      SPILLWAY_WATERMARK_ORDER: { watermarks: { low: 200_000 } },
      SPILLWAY_UNANNOTATED_SCHEMA: { messages: { win: z.string() } },
      SPILLWAY_ADMIN_AUTH_REQUIRED: { admin: {} as never },
    }
    for (const [code, options] of Object.entries(BAD)) {
      it(`with ${code} leaves the app as it was`, async () => {
        const app = empty()
        const listeners = app.server.listenerCount('request')
        const refusal = await refusalOfPromise(app.register(spillway, options))
        expect(refusal).to.have.property('code', code)
        expect(app.hasDecorator('io')).to.equal(false)
        expect(app.hasDecorator('spillway')).to.equal(false)
        expect(app.server.listenerCount('upgrade')).to.equal(0)
        expect(app.server.listenerCount('request')).to.equal(listeners)
      })
    }

    it('of Socket.IO itself, of its options, leaves nothing behind', async () => {
      const registry = new Registry()
      const app = empty()
      const options = { server: { wsEngine: 5 as never }, metrics: { registry } }
      const outcome = await Promise.resolve(app.register(spillway, options)).catch(
        (error: Error) => error,
      )
      expect(outcome).to.be.instanceOf(TypeError)
      expect(registry.getMetricsAsArray()).to.deep.equal([])
      expect(app.hasDecorator('spillway')).to.equal(false)
      expect(app.hasDecorator('io')).to.equal(false)
    })

    it('with SPILLWAY_ADMIN_AUTH_REQUIRED says what is missing', async () => {
      for (const admin of [{}, { prefix: '/ops' }, { auth: undefined }]) {
        const refusal = await refusalOfPromise(
          empty().register(spillway, { admin: admin as never }),
        )
        expectRefusal(
          refusal,
          'SPILLWAY_ADMIN_AUTH_REQUIRED',
          'admin.auth',
          'undefined',
          'an onRequest hook, an array of them, or an explicit false',
        )
      }
    })

    it('of a second registration leaves the first at work', async () => {
      const app = empty()
      await app.register(spillway, { messages })
      const code = 'SPILLWAY_ALREADY_ATTACHED'
      const given = 'an app that has a Spillway'
      const allowed = 'one registration an app; attach() takes further servers'
      const refusals: unknown[] = []
      for (const options of [{ messages }, { io: new Server() }]) {
        // an error that .after() takes does not end the boot
        app.register(spillway, options).after((error) => refusals.push(error))
      }
      const fixture = await listen(app)
      open.push(fixture)
      expect(refusals).to.have.length(2)
      for (const refusal of refusals) {
        expectRefusal(refusal as SpillwayError, code, 'app.register(spillway)', given, allowed)
      }
      await expectTapped(fixture)
    })

    const DECORATIONS: ReadonlyArray<[decoration: unknown, given: string]> = [
      [1, '1'],
      [null, 'null'],
      ['x', '"x"'],
      [{}, 'an object'],
      [new Map(), 'an instance of Map'],
      [() => {}, 'a function'],
    ]
    for (const [decoration, given] of DECORATIONS) {
      it(`of an app whose decorator \`spillway\` is ${given} already says so`, async () => {
        const app = empty()
        app.decorate('spillway', decoration as never)
        const refusal = await refusalOfPromise(app.register(spillway))
        const allowed = 'no decorator of this name; the plugin adds it'
        expectRefusal(refusal, 'SPILLWAY_DECORATOR_EXISTS', 'app.spillway', given, allowed)
        expect(app.hasDecorator('io')).to.equal(false)
        expect(app.server.listenerCount('upgrade')).to.equal(0)
      })
    }

    const BESIDE: Record<string, (app: FastifyInstance) => Promise<SpillwayPluginOptions>> = {
      '`io`': async () => ({ io: new Server() }),
      '`app.io`': async (app) => {
        await app.register(fastifySocketIo.default)
        return {}
      },
    }
    for (const [beside, prepare] of Object.entries(BESIDE)) {
      it(`of options for a server beside ${beside}`, async () => {
        const app = empty()
        const given = await prepare(app)
        const server = { pingInterval: 1000 }
        const refusal = await refusalOfPromise(app.register(spillway, { ...given, server }))
        const allowed = `nothing beside ${beside}, whose Server has its options; they are those of one that is made`
        expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', 'server', 'an object', allowed)
        expect(app.hasDecorator('spillway')).to.equal(false)
      })
    }

    it('of what a function of the app returns in place of options', async () => {
      for (const [options, given] of [
        [() => undefined, 'undefined'],
        [() => 5, '5'],
        [new Map(), 'an instance of Map'],
      ] as const) {
        const refusal = await refusalOfPromise(empty().register(spillway, options as never))
        const allowed = /^a plain object with any of the keys messages, /
        expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', 'options', given, allowed)
      }
    })

    it('of a server that another app has tapped', async () => {
      const { io } = await start()
      const refusal = await refusalOfPromise(empty().register(spillway, { io }))
      expect(refusal).to.have.property('code', 'SPILLWAY_ALREADY_ATTACHED')
      expect(refusal.message).to.match(/^io: was given /)
    })
  })

  describe('logs', () => {
    it('go to app.log', async () => {
      const lines: string[] = []
      const stream = { write: (line: string) => lines.push(line) }
      const { io } = await start({ messages }, undefined, { logger: { level: 'warn', stream } })
      io.emit('jackpot:won', { n: 'a' })
      expect(lines).to.have.length(1)
      expect(JSON.parse(lines[0]!)).to.include({
        msg: 'spillway: payload fails its schema; sent as critical',
        event: 'jackpot:won',
        level: 40,
      })
    })

    it('warn of perMessageDeflate, before the server is made on app.server', async () => {
      const lines: string[] = []
      const stream = { write: (line: string) => lines.push(line) }
      const server = { perMessageDeflate: true }
      await start({ server }, undefined, { logger: { level: 'warn', stream } })
      expect(lines.map((line) => JSON.parse(line).option)).to.deep.equal(['perMessageDeflate'])
    })

    it('go to the given logger instead', async () => {
      const warn = sinon.spy()
      const log = { info: () => {}, warn, error: () => {} }
      const lines: string[] = []
      const stream = { write: (line: string) => lines.push(line) }
      const { io } = await start({ messages, log }, undefined, {
        logger: { level: 'warn', stream },
      })
      io.emit('jackpot:won', { n: 'a' })
      expect(warn.callCount).to.equal(1)
      expect(lines).to.deep.equal([])
    })
  })

  describe('admin', () => {
    const statusOf = async ({ url }: AppFixture, path: string) => (await fetch(url + path)).status
    const PREFIXES: ReadonlyArray<[admin: { prefix?: string }, at: string]> = [
      [{}, '/spillway'],
      [{ prefix: '/ops/queues' }, '/ops/queues'],
      [{ prefix: '/ops/' }, '/ops/'],
      [{ prefix: '/' }, '/'],
    ]
    for (const [admin, at] of PREFIXES) {
      it(`is mounted at ${at}`, async () => {
        const fixture = await start({ admin: { auth: false, ...admin } })
        const below = at.endsWith('/') ? at : `${at}/`
        for (const path of [at, below, `${below}clients`, `${below}closed`]) {
          expect(await statusOf(fixture, path), path).to.equal(200)
        }
        expect(await statusOf(fixture, `${below}nothing`)).to.equal(404)
      })
    }

    it('is mounted below the prefix of the plugin that it is registered in', async () => {
      const app = empty()
      await app.register(
        async (child: FastifyInstance) => {
          await child.register(spillway, { admin: { auth: false } })
        },
        { prefix: '/v2' },
      )
      expect((await app.inject('/v2/spillway')).statusCode).to.equal(200)
    })

    it('is not there unless asked for', async () => {
      expect(await statusOf(await start(), '/spillway')).to.equal(404)
    })

    it("keeps to itself: the app's routes have their own schemas and errors", async () => {
      const app = empty()
      await app.register(spillway, { admin: { auth: false } })
      const querystring = { type: 'object', properties: { n: { type: 'integer' } } }
      app.get('/n', { schema: { querystring } }, async ({ query }) => query)
      expect((await app.inject('/n?n=7')).json()).to.deep.equal({ n: 7 })
      expect((await app.inject('/n?n=x')).statusCode).to.equal(400)
    })
  })

  describe("Fastify's own options", () => {
    const PREFIXES = ['/v2', 'v2', '/v2/', '/:tenant', '']
    for (const prefix of PREFIXES) {
      it(`\`prefix\`, ${JSON.stringify(prefix)}, comes before that of the admin routes, as for any plugin`, async () => {
        const app = empty()
        const plain: FastifyPluginAsync = async (child) => {
          child.get('/spillway/plain', async () => 'plain')
        }
        await app.register(plain, { prefix })
        await app.register(spillway, { prefix, admin: { auth: false } })
        const root = app.printRoutes({ commonPrefix: false })
        const below = `/${prefix.replaceAll('/', '').replace(':tenant', 'x')}`.replace(/^\/$/, '')
        expect((await app.inject(`${below}/spillway/plain`)).body, root).to.equal('plain')
        expect((await app.inject(`${below}/spillway/clients`)).statusCode, root).to.equal(200)
        expect((await app.inject(`${below}/spillway/ui`)).statusCode, root).to.equal(200)
        if (below) expect((await app.inject('/spillway/clients')).statusCode).to.equal(404)
      })
    }

    it('`prefix` may be a function of the app, and is of no use without admin routes', async () => {
      const app = empty()
      await app.register(spillway, () => ({ prefix: '/v2' }))
      expect(app.spillway.policy.mode).to.equal('enforce')
    })

    const logged = (options: object) => {
      const lines: Array<Record<string, unknown>> = []
      const stream = { write: (line: string) => lines.push(JSON.parse(line)) }
      return { lines, app: start(options, undefined, { logger: { level: 'info', stream } }) }
    }

    it('`logLevel` is that of the admin routes and of the plugin, and of nothing else', async () => {
      const { lines, app } = logged({ messages, logLevel: 'error', admin: { auth: false } })
      const fixture = await app
      fixture.app.log.info('the application')
      fixture.io.emit('jackpot:won', { n: 'a' })
      await fetch(`${fixture.url}/spillway`)
      await fetch(`${fixture.url}/elsewhere`)
      const told = lines.map(({ msg, req }) => (req as { url?: string })?.url ?? msg)
      expect(told).to.include.members(['the application', '/elsewhere'])
      expect(told.filter((each) => /spillway/.test(String(each)))).to.deep.equal([])
    })

    it('`logSerializers` are those of the admin routes and of the plugin, and of nothing else', async () => {
      const logSerializers = { req: () => 'hidden', event: () => 'an event' }
      const { lines, app } = logged({ messages, logSerializers, admin: { auth: false } })
      const fixture = await app
      fixture.io.emit('jackpot:won', { n: 'a' })
      await fetch(`${fixture.url}/spillway`)
      await fetch(`${fixture.url}/elsewhere`)
      expect(lines.flatMap(({ event }) => event ?? [])).to.deep.equal(['an event'])
      const requests = lines.flatMap(({ req }) => req ?? []) as Array<string | { url: string }>
      const shown = requests.map((req) => (typeof req === 'string' ? req : req.url))
      expect(shown).to.deep.equal(['hidden', '/elsewhere'])
    })

    it('are of no consequence for a logger that is given', async () => {
      const warn = sinon.spy()
      const log = { info: () => {}, warn, error: () => {} }
      const fixture = await start({ messages, log, logLevel: 'error' } as object)
      fixture.io.emit('jackpot:won', { n: 'a' })
      expect(warn.callCount).to.equal(1)
    })

    const REFUSED: ReadonlyArray<[option: string, value: unknown, given: string, allowed: RegExp]> =
      [
        ['prefix', 5, '5', /^a string of 0 to 1000 characters$/],
        ['logLevel', 3, '3', /^a string of 1 to 100 characters$/],
        ['logLevel', 'loud', '"loud"', /^a level of the app's logger$/],
        ['logSerializers', 'req', '"req"', /^an object of functions by the key of a log line$/],
      ]
    for (const [option, value, given, allowed] of REFUSED) {
      it(`${option} may not be ${given}`, async () => {
        const app = Fastify({ logger: { level: 'silent' } })
        open.push(app)
        const options = { [option]: value, admin: { auth: false } } as SpillwayPluginOptions
        const refusal = await refusalOfPromise(app.register(spillway, options))
        expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', option, given, allowed)
        expect(app.hasDecorator('io')).to.equal(false)
      })
    }
  })

  describe('closing', () => {
    it('closes the Spillway, then the server that it made', async () => {
      const { app, io } = await start({ messages })
      const spillwayClosed = sinon.spy(app.spillway, 'close')
      const ioClosed = sinon.spy(io, 'close')
      await app.close()
      sinon.assert.callOrder(spillwayClosed, ioClosed)
      sinon.assert.calledOnce(ioClosed)
      expect(Object.hasOwn(io.encoder, 'encode')).to.equal(false)
    })

    it('leaves closing to whom the server belongs', async () => {
      const io = new Server()
      const { app } = await start({ io })
      const ioClosed = sinon.spy(io, 'close')
      await app.close()
      sinon.assert.notCalled(ioClosed)
      expect(Object.hasOwn(io.encoder, 'encode')).to.equal(false)
      attach(io).close()
    })

    it('closes before fastify-socket.io does', async () => {
      const { app, io } = await start({}, (each) => each.register(fastifySocketIo.default))
      const spillwayClosed = sinon.spy(app.spillway, 'close')
      const ioClosed = sinon.spy(io, 'close')
      await app.close()
      sinon.assert.callOrder(spillwayClosed, ioClosed)
    })

    it('lets its clients reconnect by themselves', async () => {
      const fixture = await start()
      const client = await fixture.client()
      const reason = new Promise((resolve) => client.once('disconnect', resolve))
      await fixture.app.close()
      expect(await reason).to.equal('transport close')
    })

    it('delivers first what is queued and critical', async () => {
      const fixture = await start({ messages })
      const client = await fixture.raw()
      client.stall()
      const pad = 'x'.repeat(64 * 1024)
      const blocked = () => fixture.app.spillway.stats().clients.waiting > 0
      for (let n = 0; n < 400 && !blocked(); n++) {
        fixture.io.emit('jackpot:won', { n, pad })
        await new Promise((resolve) => setImmediate(resolve))
      }
      expect(blocked()).to.equal(true)
      fixture.io.emit('jackpot:won', { n: -1 })
      const closed = fixture.app.close()
      client.resume()
      await closed
      await eventually(() => !client.open)
      expect(client.received<{ n: number }>('jackpot:won').at(-1)).to.deep.equal({ n: -1 })
    })

    for (const server of ['own', 'fastify-socket.io', 'given']) {
      it(`leaves nothing open: a process with the server ${server} ends by itself`, async () => {
        const script = fileURLToPath(new URL('support/process/closing-app.ts', import.meta.url))
        const child = spawn(process.execPath, ['--import', 'tsx', script, server], {
          stdio: ['ignore', 'pipe', 'inherit'],
          timeout: 15_000,
        })
        const [output, [status]] = await Promise.all([text(child.stdout), once(child, 'exit')])
        expect(output).to.equal('closed\n')
        expect(status).to.equal(0)
      })
    }
  })
})
