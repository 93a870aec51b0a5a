import { EventEmitter } from 'node:events'
import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter'
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter'
import { expect } from 'chai'
import { createClient } from 'redis'
import type { Namespace, RemoteSocket, Server, ServerOptions, Socket } from 'socket.io'
import { type BroadcastOptions, ClusterAdapter, type Session } from 'socket.io-adapter'
import { Redis } from '../support/servers/redis.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

/** Longer than anything that only microtasks keep waiting. */
const TICKS = 20
/** Of what no client and no other node answers, ms. Redis has long answered then. */
const WAIT = 200

/** A cluster adapter whose messages are answered in a given way, in a cluster of so many nodes. */
function answeredBy(publish: () => Promise<string>, nodes = 1) {
  return class extends ClusterAdapter {
    // public, which the inherited one is not
    constructor(namespace: Namespace) {
      super(namespace)
    }

    protected override doPublish(): Promise<string> {
      return publish()
    }

    protected override doPublishResponse(): Promise<void> {
      return Promise.resolve()
    }

    override serverCount(): Promise<number> {
      return Promise.resolve(nodes)
    }

    override async restoreSession(): Promise<Session> {
      throw new Error('no session')
    }
  }
}

const recovery = { connectionStateRecovery: {} }
const ADAPTERS: ReadonlyArray<[name: string, options: Partial<ServerOptions>]> = [
  ['the in-memory adapter', {}],
  ['the in-memory adapter, with recovery', recovery],
  ['a cluster adapter that has its answer', { adapter: answeredBy(() => Promise.resolve('1')) }],
  ['a cluster adapter that is asynchronous', { adapter: answeredBy(async () => '1') }],
  ['a cluster adapter that refuses', { adapter: answeredBy(() => Promise.reject(new Error())) }],
  ['a cluster adapter of two nodes', { adapter: answeredBy(async () => '1', 2) }],
  [
    'a cluster adapter, with recovery',
    { ...recovery, adapter: answeredBy(async () => '1') as ServerOptions['adapter'] },
  ],
]

/** What Socket.IO's adapters have, and its types hide. */
interface AdapterMethods {
  addSockets(options: BroadcastOptions, rooms: string[]): unknown
  delSockets(options: BroadcastOptions, rooms: string[]): unknown
  restoreSession(pid: string, offset: string): unknown
  serverCount(): Promise<number>
}

type Tell = (what: string) => void
type Operation = (io: Server, tell: Tell) => unknown

const everyone = (): BroadcastOptions => ({ rooms: new Set(), except: new Set(), flags: {} })
const methodsOf = (io: Server) => io.of('/').adapter as unknown as AdapterMethods

/** All that waits for an adapter, and what does not, beside it. */
const OPERATIONS: Readonly<Record<string, Operation>> = {
  socketsJoin: (io) => io.socketsJoin('one'),
  'socketsJoin of a room': (io) => io.in('one').socketsJoin(['two', 'three']),
  addSockets: (io) => methodsOf(io).addSockets(everyone(), ['four']),
  emit: (io) => io.emit('all', 1),
  'emit to a room': (io) => io.to('two').except('nobody').emit('room', 1),
  'emit to nobody': (io) => io.to('nobody').emit('nobody', 1),
  'emit of attachments': (io) => io.emit('binary', Buffer.from('1')),
  'emit here': (io) => io.local.emit('here', 1),
  'volatile emit': (io) => io.volatile.emit('volatile', 1),
  'emit to one client': (io) => [...io.of('/').sockets.values()][0]!.emit('one', 1),
  'emit of several': (io) => {
    io.emit('first', 1)
    io.socketsJoin('five')
    io.to('two').emit('second', 1)
    io.local.emit('third', 1)
  },
  'emit that wants answers': (io) => io.timeout(WAIT).emit('answered', 1, () => {}),
  emitWithAck: (io) =>
    void io
      .timeout(1)
      .emitWithAck('answered', 1)
      .catch(() => {}),
  fetchSockets: (io, tell) => {
    const found = (sockets: Array<RemoteSocket<never, unknown>>) => tell(`${sockets.length} found`)
    io.timeout(WAIT)
      .fetchSockets()
      .then(found as never, () => {})
  },
  serverCount: (io, tell) =>
    methodsOf(io)
      .serverCount()
      .then((count) => tell(`${count} nodes`)),
  restoreSession: async (io, tell) => {
    try {
      tell(`session ${await methodsOf(io).restoreSession('', '')}`)
    } catch {
      tell('no session')
    }
  },
  serverSideEmit: (io, tell) => {
    if (!(io.of('/').adapter instanceof ClusterAdapter)) return
    io.serverSideEmit('hello')
    io.serverSideEmit('hello', () => tell('told the servers'))
  },
  socketsLeave: (io) => io.socketsLeave('one'),
  'socketsLeave of a room': (io) => io.in('two').socketsLeave('three'),
  delSockets: (io) => methodsOf(io).delSockets(everyone(), ['four']),
  disconnectSockets: (io) => io.in('two').disconnectSockets(),
}

interface Watch {
  readonly transports: ReadonlyArray<'websocket' | 'polling'>
  /** Whether somebody listens at each socket: a broadcast takes another way then. */
  readonly listens: boolean
}

/** Connects a client by each transport, and has what happens at the server told from then on. */
async function connect(
  { io, client }: Fixture,
  { transports, listens }: Watch,
  tell: Tell,
): Promise<Socket[]> {
  const sockets: Socket[] = []
  for (const transport of transports) {
    const connected = new Promise<Socket>((resolve) => io.once('connection', resolve))
    await client({ transports: [transport] })
    sockets.push(await connected)
  }
  const { adapter } = io.of('/')
  const nameOf = (sid: string) => sockets.findIndex(({ id }) => id === sid)
  for (const event of ['join-room', 'leave-room', 'create-room', 'delete-room']) {
    adapter.on(event, (room: string, sid = '') => {
      if (nameOf(room) < 0) tell(`${nameOf(sid)} ${event} ${room}`)
    })
  }
  for (const [name, socket] of sockets.entries()) {
    if (listens) socket.onAnyOutgoing((event: string) => tell(`${name} sends ${event}`))
    socket.conn.on('packetCreate', ({ type, data }: { type: string; data: unknown }) => {
      const written = typeof data === 'string' ? data.slice(0, 12) : 'bytes'
      if (type === 'message') tell(`${name} writes ${written}`)
    })
    socket.on('disconnect', (reason) => tell(`${name} disconnect ${reason}`))
  }
  return sockets
}

/** What happens in which microtask, operation by operation. */
async function trace(fixture: Fixture, listens: boolean): Promise<string[]> {
  const { io } = fixture
  const told: string[] = []
  const watch: Watch = { transports: ['websocket', 'websocket', 'polling'], listens }
  const sockets = await connect(fixture, watch, (what) => told.push(what))
  const isIdle = ({ conn }: Socket) => conn.readyState !== 'open' || conn.transport.writable
  for (const [name, operate] of Object.entries(OPERATIONS)) {
    // what is volatile goes only then
    await eventually(() => sockets.every(isIdle))
    told.push(`# ${name}`)
    void operate(io, (what) => told.push(what))
    told.push('returned')
    for (let tick = 1; tick <= TICKS; tick++) {
      await null
      told.push(`${tick}`)
    }
  }
  return told.filter((what, at) => !(/^\d+$/.test(what) && /^\d+$/.test(told[at + 1] ?? '0')))
}

/** In what order those happen that wait for one answer or none, all of them begun in one turn. */
async function order(fixture: Fixture): Promise<string[]> {
  const { io } = fixture
  const told: string[] = []
  const watch: Watch = { transports: ['websocket', 'websocket'], listens: false }
  const sockets = await connect(fixture, watch, (what) => told.push(what))
  await eventually(() => sockets.every(({ conn }) => conn.transport.writable))
  for (const [name, operate] of Object.entries(OPERATIONS)) {
    if (/answers|Ack|fetch|serverCount|serverSide|restore/.test(name)) continue
    void operate(io, (what) => told.push(what))
  }
  await eventually(() => told.filter((what) => / disconnect/.test(what)).length === sockets.length)
  return told
}

const later = (publish: () => Promise<void>) => answeredBy(async () => publish().then(() => '1'))
const turn = () => new Promise<void>((resolve) => setImmediate(resolve))

describe('Microtasks', () => {
  const opened: Array<{ close(): unknown }> = []

  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close()
  })

  for (const [name, options] of ADAPTERS) {
    for (const mode of ['enforce', 'observe'] as const) {
      it(`are as many as without the plugin, with ${name}, in ${mode}`, async () => {
        for (const listens of [false, true]) {
          const plain = await startServer('plain', options)
          // a turn of a busy machine would be over before all is written
          const fixture = await startServer({ mode, tickBudget: 1000 }, options)
          opened.push(plain, fixture)
          const expected = await trace(plain, listens)
          expect(await trace(fixture, listens)).to.deep.equal(expected)
          expect(expected).to.include('0 disconnect server namespace disconnect')
        }
      })
    }
  }

  it('are in the order that they have without the plugin, with adapters that answer later', async () => {
    for (const adapter of [later(async () => {}), later(turn)]) {
      const plain = await startServer('plain', { adapter })
      const fixture = await startServer({ tickBudget: 1000 }, { adapter })
      opened.push(plain, fixture)
      expect(await order(fixture)).to.deep.equal(await order(plain))
    }
  })

  it('are as many for the commands of a guarded client', async () => {
    const fixture = await startServer()
    opened.push(fixture)
    const answer = Promise.resolve('read')
    const client = Object.assign(new EventEmitter(), {
      xRead: () => answer,
      publish: () => answer,
    })
    fixture.spillway!.guard(client)
    expect(client.xRead()).to.equal(answer)
    expect(client.publish()).to.equal(answer)
  })

  describe('of what waits for Redis', () => {
    let redis: Redis

    before(async () => {
      redis = await Redis.start()
    })

    after(() => redis.close())

    const connect = async () => {
      const client = await createClient({ url: redis.url }).connect()
      opened.push({ close: () => client.isOpen && client.close() })
      return client
    }
    // servers of another name don't hear each other
    const adapters: Record<string, (name: string) => Promise<unknown>> = {
      'redis-adapter': async (key) => createAdapter(await connect(), await connect(), { key }),
      'redis-adapter, sharded': async (channelPrefix) =>
        createShardedAdapter(await connect(), await connect(), { channelPrefix }),
      'redis-streams-adapter': async (streamName) =>
        createStreamsAdapter(await connect(), { streamName, blockTimeInMs: 100 }),
    }

    for (const [name, adapterOf] of Object.entries(adapters)) {
      it(`are in the order that they have without the plugin, with @socket.io/${name}`, async () => {
        const orders = []
        for (const options of ['plain', { mode: 'enforce' }, { mode: 'observe' }] as const) {
          const adapter = (await adapterOf(`${orders.length}`)) as ServerOptions['adapter']
          const fixture = await startServer(options, { adapter })
          opened.push(fixture)
          orders.push(await order(fixture))
        }
        expect(orders[1]).to.deep.equal(orders[0])
        expect(orders[2]).to.deep.equal(orders[0])
      })
    }
  })
})
