import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import Fastify, { type FastifyInstance } from 'fastify'
import fastifySocketIo from 'fastify-socket.io'
import { Server } from 'socket.io'
import { connect, type Socket } from 'socket.io-client'
import spillway from '../../lib/plugin.ts'
import type { SpillwayPluginOptions } from '../../lib/plugin-options.ts'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { messages } from '../support/messages.ts'
import { eventually, RawClient } from '../support/servers/server.ts'
import '../support/rejections.ts'

const HANDSHAKE = '/socket.io/?EIO=4&transport=polling'

const TRANSPORTS: Readonly<Record<string, string[]>> = {
  'a WebSocket': ['websocket'],
  polling: ['polling'],
  'an upgraded connection': ['polling', 'websocket'],
}

/** How the app has its Socket.IO server. In `prepare` it exists before the plugin is registered. */
interface Host {
  readonly server: string
  readonly options?: SpillwayPluginOptions
  prepare(app: FastifyInstance): unknown
}

const HOSTS: readonly Host[] = [
  { server: 'of its own', prepare: () => {} },
  { server: 'that was given', prepare: (app) => new Server(app.server) },
  {
    server: 'of fastify-socket.io',
    prepare: async (app) => {
      await app.register(fastifySocketIo.default)
    },
  },
]

describe('A goodbye in the hooks of an app that closes', () => {
  const open: Array<{ close(): unknown }> = []

  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })

  interface Running {
    readonly app: FastifyInstance
    readonly url: string
    io(): Server
  }

  /** @param build registers everything, the plugin too */
  async function start(
    build: (app: FastifyInstance) => Promise<Server | undefined>,
    options: object = {},
  ): Promise<Running> {
    const app = Fastify(options)
    open.push(app)
    const given = await build(app)
    await app.listen({ port: 0, host: '127.0.0.1' })
    const { port } = app.server.address() as AddressInfo
    return { app, url: `http://127.0.0.1:${port}`, io: () => given ?? Reflect.get(app, 'io') }
  }

  /** What a client is told, in its order, with the reason for its end. */
  async function follow(url: string, transports: string[], namespace = ''): Promise<string[]> {
    const client = connect(url + namespace, { transports, forceNew: true, reconnection: false })
    open.push(client)
    const told: string[] = []
    client.onAny((event: string) => told.push(event))
    client.on('disconnect', (reason) => told.push(`(${reason})`))
    await connected(client)
    if (transports.length > 1) {
      await eventually(() => client.io.engine.transport.name === 'websocket')
    }
    return told
  }

  const connected = (client: Socket) =>
    new Promise<void>((resolve, reject) => {
      client.once('connect', resolve)
      client.once('connect_error', reject)
    })

  /** Everyone who says goodbye, in the order in which Fastify calls them. */
  function hooksAround(io: () => Server) {
    return {
      addEarly(app: FastifyInstance) {
        app.addHook('preClose', (done: () => void) => {
          io().emit('first')
          done()
        })
        app.addHook('preClose', async () => {
          await sleep(100)
          io().emit('after 100 ms')
        })
        app.register(async (child) => {
          child.addHook('preClose', async () => void io().emit('of a plugin'))
        })
      },
      addLate(app: FastifyInstance) {
        app.addHook('preClose', async () => void io().emit('second'))
        app.register(async (child) => {
          await child.register(async (grandchild) => {
            grandchild.addHook('preClose', async () => {
              await sleep(100)
              io().emit('of the last')
            })
          })
        })
      },
    }
  }

  const GOODBYES = ['first', 'after 100 ms', 'second', 'of a plugin', 'of the last']

  for (const [transport, transports] of Object.entries(TRANSPORTS)) {
    it(`reaches the clients of plain Socket.IO over ${transport}`, async () => {
      const running = await start(async (app) => {
        const io = new Server(app.server)
        const { addEarly, addLate } = hooksAround(() => io)
        addEarly(app)
        addLate(app)
        app.register(async (last) => {
          last.addHook('preClose', async () => void io.disconnectSockets(true))
        })
        app.addHook('onClose', async () => void io.close())
        return io
      })
      const told = await follow(running.url, transports)
      await running.app.close()
      await eventually(() => told.length > GOODBYES.length)
      expect(told.slice(0, -1)).to.deep.equal(GOODBYES)
    })

    for (const { server, prepare } of HOSTS) {
      it(`reaches the clients of a server ${server} over ${transport}`, async () => {
        const running = await start(async (app) => {
          const { addEarly, addLate } = hooksAround(() => running.io())
          addEarly(app)
          const io = await prepare(app)
          const given = io instanceof Server ? { io } : {}
          await app.register(spillway, { messages, ...given })
          addLate(app)
          if (given.io) app.addHook('onClose', async () => void given.io.close())
          return given.io
        })
        running.io().of('/lobby')
        const told = await follow(running.url, transports)
        const elsewhere = await follow(running.url, transports, '/lobby')
        await running.app.close()
        await eventually(() => told.length > GOODBYES.length && elsewhere.length > 0)
        expect(told).to.deep.equal([...GOODBYES, '(transport close)'])
        expect(elsewhere).to.deep.equal(['(transport close)'])
        expect(Object.hasOwn(running.app.server, 'close')).to.equal(false)
        expect(Object.hasOwn(running.app.server, 'closeAllConnections')).to.equal(false)
      })
    }
  }

  for (const [transport, transports] of Object.entries(TRANSPORTS)) {
    it(`reaches them over ${transport} with forceCloseConnections too`, async () => {
      const running = await start(
        async (app) => {
          await app.register(spillway, { messages })
          app.addHook('preClose', async () => void running.io().emit('goodbye'))
          return undefined
        },
        { forceCloseConnections: true },
      )
      const told = await follow(running.url, transports)
      await running.app.close()
      await eventually(() => told.length === 2)
      expect(told).to.deep.equal(['goodbye', '(transport close)'])
    })
  }

  it('reaches the clients of another HTTP server in onClose hooks, as plain does', async () => {
    for (const plugin of [false, true]) {
      const http = createServer().listen(0, '127.0.0.1')
      await once(http, 'listening')
      const io = new Server(http)
      open.push(io)
      const running = await start(async (app) => {
        app.addHook('onClose', async () => void io.emit('last'))
        if (plugin) await app.register(spillway, { io, messages })
        app.addHook('onClose', async () => void io.emit('second'))
        app.addHook('preClose', async () => void io.emit('first'))
        return io
      })
      const { port } = http.address() as AddressInfo
      const told = await follow(`http://127.0.0.1:${port}`, ['websocket'])
      await running.app.close()
      await eventually(() => told.length === 3)
      expect(told).to.deep.equal(['first', 'second', 'last'])
    }
  })

  it('goes with the refusal of new clients, from the first hook on', async () => {
    let status: number | undefined
    const running = await start(async (app) => {
      app.addHook('preClose', async () => {
        status = (await fetch(running.url + HANDSHAKE)).status
      })
      await app.register(spillway, { messages })
      return undefined
    })
    await running.app.close()
    expect(status).to.equal(503)
  })

  it('and what a hook itself does to clients is done, as plain does', async () => {
    for (const plugin of [false, true]) {
      const running = await start(async (app) => {
        const io = new Server(app.server)
        app.addHook('preClose', async () => {
          io.in('vip').disconnectSockets(true)
          io.emit('left')
        })
        if (plugin) await app.register(spillway, { io, messages })
        app.addHook('preClose', async () => void io.local.disconnectSockets(true))
        app.addHook('onClose', async () => void io.close())
        return io
      })
      const first = await follow(running.url, ['websocket'])
      running.io().socketsJoin('vip')
      const second = await follow(running.url, ['websocket'])
      await running.app.close()
      await eventually(() => first.length > 0 && second.length > 1)
      expect(first).to.deep.equal(['(io server disconnect)'])
      expect(second).to.deep.equal(['left', '(io server disconnect)'])
    }
  })

  it('and a preClose given to fastify-socket.io closes nobody so that they stay away', async () => {
    const running = await start(async (app) => {
      await app.register(fastifySocketIo.default, {
        preClose(done) {
          const io: Server = Reflect.get(app, 'io')
          io.in('vip').local.disconnectSockets(true)
          for (const namespace of [io, io.of('/lobby')]) namespace.local.disconnectSockets(true)
          done()
        },
      })
      await app.register(spillway, { messages })
      app.addHook('preClose', async () => void Reflect.get(app, 'io').emit('goodbye'))
      return undefined
    })
    running.io().of('/lobby')
    const vip = await follow(running.url, ['websocket'])
    running.io().socketsJoin('vip')
    const main = await follow(running.url, ['websocket'])
    const lobby = await follow(running.url, ['websocket'], '/lobby')
    await running.app.close()
    await eventually(() => main.length === 2 && lobby.length === 1 && vip.length === 1)
    expect(vip).to.deep.equal(['(io server disconnect)'])
    expect(main).to.deep.equal(['goodbye', '(transport close)'])
    expect(lobby).to.deep.equal(['(transport close)'])
  })

  it('and io.close() in a hook ends the server before, as plain does', async () => {
    for (const plugin of [false, true]) {
      const running = await start(async (app) => {
        const io = new Server(app.server)
        if (plugin) await app.register(spillway, { io, messages })
        app.addHook('preClose', async () => {
          io.emit('goodbye')
          await io.close()
        })
        return io
      })
      const told = await follow(running.url, ['websocket'])
      await running.app.close()
      await eventually(() => told.length === 2)
      expect(told).to.deep.equal(['goodbye', '(transport close)'])
      expect(Object.hasOwn(running.app.server, 'close')).to.equal(false)
    }
  })

  it('and the shutdown after it may take longer than a hook may', async () => {
    const running = await start(
      async (app) => {
        const watermarks = BOUNDLESS
        await app.register(spillway, { messages, watermarks, shutdown: { deadline: 300 } })
        return undefined
      },
      { pluginTimeout: 50 },
    )
    const client = new RawClient(
      `${running.url.replace('http', 'ws')}/socket.io/?EIO=4&transport=websocket`,
      { autoPong: true },
    )
    open.push(client)
    await client.join('/')
    const { spillway: handle } = running.app
    await choke({ io: running.io(), spillway: handle } as never, client)
    running.io().emit('jackpot:won', { n: 1 })
    const closed = running.app.close()
    await eventually(() => handle.closed().length === 1)
    await closed
    expect(handle.closed()[0]).to.include({ code: 'shutdown' })
    expect(running.io().engine.clientsCount).to.equal(0)
  })

  it('and an app that was never ready closes', async () => {
    const app = Fastify()
    await app.register(spillway, { messages })
    await app.close()
    expect(Object.hasOwn(app.server, 'close')).to.equal(false)
  })
})
