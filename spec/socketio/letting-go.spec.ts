import { EventEmitter } from 'node:events'
import { ServerResponse } from 'node:http'
import { Socket as TcpSocket } from 'node:net'
import { expect } from 'chai'
import Fastify, { type FastifyInstance } from 'fastify'
import { Registry } from 'prom-client'
import { Server, type ServerOptions, type Socket } from 'socket.io'
import { attach } from '../../lib/attach.ts'
import spillwayPlugin from '../../lib/plugin.ts'
import type { Spillway } from '../../lib/spillway.ts'
import { messages, pad } from '../support/messages.ts'
import { type AppFixture, listen } from '../support/servers/app.ts'
import { eventually } from '../support/servers/server.ts'
import { countTimers } from './support/timer-count.ts'
import { differencesOf, type Trace, traceOf } from './support/traces.ts'

const TRANSPORTS = [['websocket'], ['polling'], ['polling', 'websocket']]

/** Objects that a Spillway may have put something on, by name. */
function touched({ io, http }: AppFixture, gone: readonly Socket[]): Record<string, object> {
  const encoder = Reflect.get(io, 'encoder') as object
  const objects: Record<string, object> = { io, http, process, encoder, engine: io.engine }
  for (const [name, namespace] of io._nsps) {
    objects[`namespace ${name}`] = namespace
    objects[`middlewares of ${name}`] = Reflect.get(namespace, '_fns') as object
    objects[`adapter of ${name}`] = namespace.adapter
    for (const [place, socket] of [...namespace.sockets.values()].entries()) {
      Object.assign(objects, ofSocket(`socket ${place} of ${name}`, socket))
    }
  }
  for (const [place, socket] of gone.entries()) {
    Object.assign(objects, ofSocket(`socket ${place} that has gone`, socket))
  }
  for (const [name, object] of Object.entries({ ...objects })) {
    let prototype: object | null = Object.getPrototypeOf(object)
    for (let depth = 1; prototype; depth++, prototype = Object.getPrototypeOf(prototype)) {
      objects[`${name}, prototype ${depth}`] = prototype
    }
  }
  for (const each of [Array, Promise, Function, EventEmitter, TcpSocket, ServerResponse, Map]) {
    objects[`prototype of ${each.name}`] = each.prototype
  }
  return objects
}

function ofSocket(name: string, socket: Socket): Record<string, object> {
  const { conn } = socket
  const { transport } = conn
  const objects: Record<string, object> = {
    [name]: socket,
    [`client of ${name}`]: socket.client,
    [`connection of ${name}`]: conn,
    [`${transport.name} of ${name}`]: transport,
  }
  const ws = Reflect.get(transport, 'socket') as { _socket: TcpSocket | null } | undefined
  if (!ws) return objects
  objects[`ws of ${name}`] = ws
  const handle: unknown = ws._socket && Reflect.get(ws._socket, '_handle')
  if (ws._socket) objects[`kernel socket of ${name}`] = ws._socket
  if (handle) objects[`handle of ${name}`] = handle
  return objects
}

interface Way {
  readonly server?: Partial<ServerOptions>
  /** Before the app listens. */
  prepare?(io: Server, app: FastifyInstance): unknown
  /** When there are clients. */
  attach(io: Server, app: FastifyInstance): Spillway
  /** While it is attached. */
  meanwhile?(fixture: AppFixture): unknown
}

/**
 * Clients come before and after it is attached, are sent all kinds of messages, and stay, but for
 * some; only then everything is looked at.
 */
async function play(
  { server }: Pick<Way, 'server'>,
  opened: Array<{ close(): unknown }>,
  { prepare, attach, meanwhile }: Partial<Way> = {},
): Promise<Record<string, Trace>> {
  const io = new Server({ pingInterval: 60_000, ...server })
  const app = Fastify()
  io.attach(app.server)
  app.addHook('preClose', async () => {
    await io.close()
  })
  const sockets: Socket[] = []
  io.on('connection', (socket) => {
    sockets.push(socket)
    socket.join('room')
    socket.on('ask', (answer: () => void) => answer())
  })
  io.of('/lobby').on('connection', () => {})
  io.of(/^\/table-\d+$/)
  app.get('/', () => 'here')
  await prepare?.(io, app)
  const fixture = await listen(app, io)
  opened.push(fixture)
  const come = async (namespace?: string) => {
    const clients = []
    for (const transports of TRANSPORTS) {
      const client = await fixture.client({ transports }, namespace)
      await eventually(() => client.io.engine.transport.name === transports.at(-1))
      clients.push(client)
    }
    return clients
  }
  const leaving = await come()
  const staying = await come()
  const spillway = attach?.(io, app)
  leaving.push(...(await come()))
  staying.push(...(await come()))
  for (const name of ['/lobby', '/table-7']) await come(name)
  const received = staying.map(() => 0)
  for (const [index, client] of staying.entries()) {
    client.on('last', () => received[index]!++)
    client.on('echo', (_: unknown, answer: () => void) => answer())
  }
  const all = [...leaving, ...staying]
  await Promise.all(all.map((client) => client.emitWithAck('ask')))
  for (let n = 0; n < 50; n++) {
    io.emit('jackpot:won', { n, pad })
    io.to('room').emit('reel:frame', { n, pad })
    io.emit('blob', { n, data: Buffer.alloc(1000) })
    io.of('/lobby').emit('unannotated', n)
    for (const socket of io.sockets.sockets.values()) socket.emit('odds:now', { table: 'a', n })
    if (n % 10 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  await Promise.all(all.map((client) => client.emitWithAck('ask')))
  const gone: Socket[] = []
  for (const client of leaving) {
    const socket = sockets.find(({ id }) => id === client.id)!
    const disconnected = new Promise((resolve) => socket.once('disconnect', resolve))
    client.close()
    await disconnected
    gone.push(socket)
  }
  if (spillway) await meanwhile?.(fixture)
  io.emit('last')
  await eventually(() => received.every((times) => times === 1))
  spillway?.close()
  // what closing a Spillway must not have broken
  io.emit('last')
  await eventually(() => received.every((times) => times === 2))
  await io.timeout(5000).emitWithAck('echo', 1)
  await eventually(() =>
    [...io.sockets.sockets.values()].every(({ conn }) => conn.transport.writable),
  )
  const objects = Object.entries(touched(fixture, gone))
  return Object.fromEntries(objects.map(([name, each]) => [name, traceOf(each)]))
}

const options = { messages, admission: { loopDelay: 5000 } }
const registry = new Registry()

const attached = (given: Parameters<typeof attach>[1] = {}): Way => ({
  prepare: (io) => attach(io).close(),
  attach: (io) => attach(io, { ...options, ...given }) as Spillway,
})

const WAYS: Record<string, Way> = {
  'attach()': attached(),
  'with connection state recovery': { server: { connectionStateRecovery: {} }, ...attached() },
  'where compression leaves messages to Engine.IO': {
    server: { perMessageDeflate: true, httpCompression: true },
    ...attached(),
  },
  'in mode observe': attached({ mode: 'observe' }),
  'the plugin, with admin routes and metrics': {
    async prepare(io, app) {
      await app.register(spillwayPlugin, {
        io,
        ...options,
        metrics: { registry },
        admin: { auth: false, changeAuth: false },
      })
    },
    attach: (_, app) => app.spillway,
    async meanwhile({ url, app }) {
      const reading = new AbortController()
      const { signal } = reading
      await fetch(`${url}/spillway/events`, { signal })
      for (const path of ['', '/clients', '/ui']) await fetch(`${url}/spillway${path}`)
      app.spillway.setMode('observe')
      expect(await registry.metrics()).to.include('spillway_connected_clients')
      reading.abort()
    },
  },
}

describe('After close() nothing of a Spillway is left', function () {
  // what other specs have started may let go of the process meanwhile
  this.retries(2)

  const opened: Array<{ close(): unknown }> = []
  const closeAll = async () => {
    for (const each of opened.splice(0).reverse()) await each.close()
  }
  afterEach(closeAll)

  for (const [name, way] of Object.entries(WAYS)) {
    it(`on the server and its clients: ${name}`, async () => {
      const plain = await play(way, opened)
      await closeAll()
      const count = countTimers()
      try {
        const plugin = await play(way, opened, way)
        expect(Object.keys(plugin)).to.deep.equal(Object.keys(plain))
        for (const each of Object.keys(plain)) {
          expect(differencesOf(plain[each]!, plugin[each]!), each).to.deep.equal([])
        }
        await eventually(() => count.pending().length === 0).catch(() => {
          expect(count.pending()).to.deep.equal([])
        })
        expect(registry.getMetricsAsArray()).to.deep.equal([])
      } finally {
        count.stop()
      }
    })
  }
})
