import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { expect } from 'chai'
import Fastify, { type FastifyInstance } from 'fastify'
import fastifySocketIo from 'fastify-socket.io'
import { Server, type ServerOptions } from 'socket.io'
import { WebSocket, WebSocketServer } from 'ws'
import { attach } from '../../lib/attach.ts'
import spillway from '../../lib/plugin.ts'
import type { SpillwayPluginOptions } from '../../lib/plugin-options.ts'
import { expectRefusal, refusalOf, refusalOfPromise } from '../support/refusals.ts'

const CODE = 'SPILLWAY_PATH_TAKEN'
const ALLOWED =
  'one Socket.IO server for each path of an HTTP server; share it, or give it another `path`'
const taken = (path: string) => `an HTTP server on which another Socket.IO server takes ${path}`

/** A scope of its own. */
const scope =
  (options: SpillwayPluginOptions = {}, before?: (app: FastifyInstance) => unknown) =>
  async (app: FastifyInstance) => {
    await before?.(app)
    await app.register(spillway, options)
  }
const others = async (app: FastifyInstance) => void (await app.register(fastifySocketIo.default))
const handMade = async (app: FastifyInstance) => void new Server(app.server)

async function opens(http: HttpServer, path = '/socket.io/'): Promise<void> {
  const { port } = http.address() as AddressInfo
  const ws = new WebSocket(`ws://127.0.0.1:${port}${path}?EIO=4&transport=websocket`)
  const [first] = await once(ws, 'message')
  expect(String(first)).to.match(/^0\{/)
  ws.terminate()
  await once(ws, 'close')
}

describe('The path of a Socket.IO server', () => {
  const open: Array<() => unknown> = []
  const empty = () => {
    const app = Fastify()
    open.push(() => app.close())
    return app
  }
  const listening = async () => {
    const http = createServer().listen(0, '127.0.0.1')
    await once(http, 'listening')
    open.push(() => http.close())
    return http
  }
  const on = (http: HttpServer | undefined, options: Partial<ServerOptions> = {}) => {
    const io = new Server(http, options)
    open.push(() => io.engine?.close())
    return io
  }
  afterEach(async () => {
    for (const end of open.splice(0).reverse()) await end()
  })

  describe('in an app', () => {
    const REFUSED: Record<string, (app: FastifyInstance) => void> = {
      'two sibling scopes': (app) => app.register(scope()).register(scope()),
      'two sibling scopes with the same path': (app) =>
        app
          .register(scope({ server: { path: '/x' } }))
          .register(scope({ server: { path: '/x/' } })),
      'a scope after that of fastify-socket.io': (app) => app.register(others).register(scope()),
      'a scope before that of fastify-socket.io': (app) => app.register(scope()).register(others),
      'an app with fastify-socket.io in a scope': (app) =>
        app.register(spillway).register(async (child) => others(child)),
      'an app with a server of its own beside': (app) => app.register(handMade).register(scope()),
      'an app with a server of its own later': (app) => app.register(spillway).register(handMade),
    }
    for (const [name, register] of Object.entries(REFUSED)) {
      it(`is refused at boot when it is taken: ${name}`, async () => {
        const app = empty()
        register(app)
        const boot = app.ready() as PromiseLike<unknown>
        const refusal = await refusalOfPromise(boot)
        const path = name.includes('the same path') ? '/x' : '/socket.io'
        expectRefusal(refusal, CODE, 'app.register(spillway)', taken(path), ALLOWED)
      })
    }

    it('is refused for a server that was given, too', async () => {
      const app = empty()
      const [one, two] = [on(app.server), on(app.server)]
      expect(two).to.not.equal(one)
      const refusal = await refusalOfPromise(app.register(spillway, { io: one }))
      expectRefusal(refusal, CODE, 'io', taken('/socket.io'), ALLOWED)
    })

    const TAKEN: Record<string, (app: FastifyInstance) => void> = {
      'other paths': (app) =>
        app.register(scope()).register(scope({ server: { path: '/other.io' } })),
      'other servers of WebSockets': (app) => {
        const elsewhere = new WebSocketServer({ noServer: true })
        app.server.on('upgrade', (request, socket, head) => {
          expect(request.headers, 'a request of nobody').to.have.property('upgrade')
          if (request.url === '/else') elsewhere.handleUpgrade(request, socket, head, () => {})
        })
        app.register(scope())
      },
    }
    for (const [name, register] of Object.entries(TAKEN)) {
      it(`may be beside ${name}`, async () => {
        const app = empty()
        register(app)
        await app.listen({ port: 0, host: '127.0.0.1' })
        await opens(app.server)
        if (name === 'other paths') await opens(app.server, '/other.io/')
      })
    }
  })

  describe('elsewhere', () => {
    it('is refused when it is taken, and the first server goes on', async () => {
      const http = await listening()
      const one = on(http)
      attach(one)
      const two = new Server()
      const handle = attach(two)
      const refusal = refusalOf(() => two.attach(http))
      expectRefusal(refusal, CODE, 'io.attach()', taken('/socket.io'), ALLOWED)
      expect(refusalOf(() => two.listen(http))).to.have.property('code', CODE)
      expect(http.listenerCount('upgrade')).to.equal(1)
      await opens(http)
      handle.close()
    })

    it('is refused when there are two already, of whomever the first is', async () => {
      const http = await listening()
      const [one, two] = [on(http), on(http)]
      for (const io of [one, two]) {
        const refusal = refusalOf(() => attach(io))
        expectRefusal(refusal, CODE, 'io', taken('/socket.io'), ALLOWED)
        expect(Object.hasOwn(io, 'bind')).to.equal(false)
      }
    })

    it('is refused when it is given otherwise, as Socket.IO reads it', async () => {
      const WAYS: ReadonlyArray<[path: string, told: string]> = [
        ['', '/socket.io'],
        ['/socket.io/', '/socket.io'],
        ['/', '/'],
        ['/a/b/', '/a/b'],
      ]
      for (const [path, told] of WAYS) {
        const http = await listening()
        on(http, { path })
        const two = new Server({ path })
        const handle = attach(two)
        const { message } = refusalOf(() => two.attach(http))
        expect(message).to.match(new RegExp(`takes ${told}/?; allowed`))
        handle.close()
      }
    })

    it('may be another one, given by any option, a longer or a shorter one', async () => {
      const http = await listening()
      const first = attach(on(http))
      const handles = ['/chat/room', '/socket.io2', '/s'].map((path) => attach(on(http, { path })))
      const late = new Server()
      handles.push(attach(late))
      late.attach(http, { path: '/late' })
      await opens(http)
      await opens(http, '/socket.io2/')
      await opens(http, '/late/')
      for (const each of [first, ...handles]) each.close()
    })

    it('is asked for without harm to an older Engine.IO, which looks at what it leaves later', async () => {
      const http = await listening()
      const options: { destroyUpgrade?: boolean } = {}
      const later: Array<() => void> = []
      // as of Engine.IO 6.5
      http.on('upgrade', (request, socket) => {
        if (request.url!.slice(0, '/other/'.length) === '/other/') return
        if (options.destroyUpgrade === false) return
        later.push(() => {
          if (socket.writable) socket.end()
        })
      })
      const handle = attach(on(http))
      expect(later).to.have.length(1)
      for (const look of later) look()
      handle.close()
    })

    it('is asked for without a call of what an application has replaced', async () => {
      const http = await listening()
      const io = on(http)
      on(http, { path: '/other' })
      const calls: string[] = []
      const { handleUpgrade } = io.engine
      io.engine.handleUpgrade = (...args: Parameters<typeof handleUpgrade>) => {
        calls.push('handleUpgrade')
        return handleUpgrade.apply(io.engine, args)
      }
      const replacement = io.engine.handleUpgrade
      const handle = attach(io)
      expect(calls).to.deep.equal([])
      expect(io.engine.handleUpgrade).to.equal(replacement)
      await opens(http)
      expect(calls).to.deep.equal(['handleUpgrade'])
      handle.close()
    })
  })
})
