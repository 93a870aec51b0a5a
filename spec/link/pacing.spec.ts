import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import type { Socket } from 'socket.io'
import { MiB } from '../../lib/base/units.ts'
import { BOUNDLESS, starve } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

/** What an application that paces itself looks at; nothing of it is plain Socket.IO's API. */
interface Connection extends NodeJS.EventEmitter {
  readonly server: NodeJS.EventEmitter
  readonly writeBuffer: readonly unknown[]
  readonly transport: NodeJS.EventEmitter & {
    readonly name: string
    readonly writable: boolean
    readonly socket: { readonly bufferedAmount: number }
  }
  send(data: string, options: object, callback: () => void): void
}

const connectionOf = (socket: Socket) => socket.conn as unknown as Connection
const serverSocket = ({ io }: Fixture) => [...io.sockets.sockets.values()][0]!

const TRANSPORTS = [
  { name: 'WebSocket', client: { transports: ['websocket'] }, server: {} },
  { name: 'polling', client: { transports: ['polling'] }, server: {} },
  {
    name: 'WebSocket after an upgrade',
    client: { transports: ['polling', 'websocket'] },
    server: {},
  },
  {
    name: 'WebSocket with perMessageDeflate',
    client: { transports: ['websocket'] },
    server: { perMessageDeflate: { threshold: 10 } },
  },
]

type Way = (socket: Socket, fixture: Fixture) => void
const binary = Buffer.alloc(1000)
const WAYS: Readonly<Record<string, Way>> = {
  text: (socket) => void socket.emit('chunk', 'text'),
  'two texts': (socket) => {
    for (let n = 0; n < 2; n++) socket.emit('chunk', 'text')
  },
  'five texts': (socket) => {
    for (let n = 0; n < 5; n++) socket.emit('chunk', 'text')
  },
  'an attachment': (socket) => void socket.emit('chunk', binary),
  'text and attachments': (socket) => {
    socket.emit('chunk', 'text')
    socket.emit('chunk', binary, binary)
    socket.emit('chunk', 'text')
  },
  'a broadcast': (_, { io }) => void io.emit('chunk', 'text'),
  'three broadcasts, one with an attachment': (_, { io }) => {
    io.emit('chunk', 'text')
    io.emit('chunk', binary)
    io.emit('chunk', 'text')
  },
  'a callback': (socket) => connectionOf(socket).send('2["chunk"]', {}, () => {}),
  'text and a callback': (socket) => {
    socket.emit('chunk', 'text')
    connectionOf(socket).send('2["chunk"]', {}, () => {})
    socket.emit('chunk', 'text')
  },
}

/** When somebody begins to listen, or looks: calls back then, after `emit`, which it calls. */
type Moment = (emit: () => void, look: () => void) => void
const MOMENTS: Readonly<Record<string, Moment>> = {
  before: (emit, look) => {
    look()
    emit()
  },
  'after it': (emit, look) => {
    emit()
    look()
  },
  'in a microtask': (emit, look) => {
    emit()
    queueMicrotask(look)
  },
  'in the next tick': (emit, look) => {
    emit()
    process.nextTick(look)
  },
  'in the next turn': (emit, look) => {
    emit()
    setImmediate(look)
  },
}

/** What the emit is called by: ticks come before microtasks, but not for who is in one. */
const CALLERS: Readonly<Record<string, (call: () => void) => void>> = {
  'a timer': (call) => void setTimeout(call, 0),
  'a promise': (call) => void turn().then(call),
}

/** What was emitted in the tick before: how a client is written to is guessed from that. */
const TICKS_BEFORE = [1, 2]

const EVENTS = [
  ['conn', 'packetCreate'],
  ['conn', 'flush'],
  ['conn', 'drain'],
  ['server', 'flush'],
  ['server', 'drain'],
  ['transport', 'drain'],
  ['transport', 'ready'],
] as const
const LISTENED = [EVENTS, EVENTS.filter(([name]) => name === 'transport')]

interface Case {
  readonly way: Way
  readonly moment: Moment
  readonly caller: string
  readonly before: number
  readonly events: ReadonlyArray<(typeof EVENTS)[number]>
}

/** What is told, and of what it shows at once how much is held back, and whether it is writable. */
interface Told {
  readonly counts: Readonly<Record<string, number>>
  readonly heldBack: number
  readonly writable: boolean
}

async function quiet(fixture: Fixture): Promise<void> {
  const conn = connectionOf(serverSocket(fixture))
  const idle = () => conn.writeBuffer.length === 0 && conn.transport.writable
  for (let turns = 0; turns < 4; turns = idle() ? turns + 1 : 0) await turn()
}

/** @returns what was told since somebody looked, until all had arrived */
async function tell(
  fixture: Fixture,
  arrived: () => number,
  { way, moment, caller, before, events }: Case,
): Promise<Told> {
  const socket = serverSocket(fixture)
  const conn = connectionOf(socket)
  for (let n = 0; n < before; n++) socket.emit('chunk', 'text')
  await turn()
  await quiet(fixture)
  const counts: Record<string, number> = {}
  const listeners: Array<() => void> = []
  let shown = { heldBack: 0, writable: true }
  const emitters = { conn, transport: conn.transport, server: conn.server }
  const look = () => {
    shown = { heldBack: conn.writeBuffer.length, writable: conn.transport.writable }
    for (const [name, event] of events) {
      const key = `${name} ${event}`
      counts[key] = 0
      const listener = () => counts[key]!++
      emitters[name].on(event, listener)
      listeners.push(() => emitters[name].off(event, listener))
    }
  }
  const start = arrived()
  await new Promise<void>((resolve) => {
    CALLERS[caller]!(() => {
      moment(() => way(socket, fixture), look)
      resolve()
    })
  })
  await eventually(() => arrived() > start)
  await quiet(fixture)
  for (const each of listeners) each()
  return { counts, ...shown }
}

for (const { name, client: clientOptions, server } of TRANSPORTS) {
  describe(`What an application paces itself by, over ${name}`, () => {
    let fixtures: Fixture[]
    let arrivals: Array<() => number>

    before(async () => {
      fixtures = [
        await startServer('plain', server),
        await startServer({ messages, tickBudget: 1000 }, server),
      ]
      arrivals = await Promise.all(
        fixtures.map(async (fixture) => {
          let count = 0
          const client = await fixture.client(clientOptions)
          client.on('chunk', () => count++)
          const last = clientOptions.transports.at(-1)
          await eventually(() => connectionOf(serverSocket(fixture)).transport.name === last)
          return () => count
        }),
      )
    })

    after(async () => {
      for (const fixture of fixtures) await fixture.close()
    })

    for (const [emitted, way] of Object.entries(WAYS)) {
      for (const [when, moment] of Object.entries(MOMENTS)) {
        it(`tells of ${emitted} what it tells without the plugin, to who listens ${when}`, async () => {
          for (const caller of Object.keys(CALLERS)) {
            for (const before of TICKS_BEFORE) {
              for (const events of LISTENED) {
                const each = { way, moment, caller, before, events }
                const [plain, plugin] = await Promise.all(
                  fixtures.map((fixture, index) => tell(fixture, arrivals[index]!, each)),
                )
                const isExact = when === 'before' && events === EVENTS
                compare(plain!, plugin!, isExact, `${caller}, ${before} before, ${events.length}`)
              }
            }
          }
        })
      }
    }
  })
}

/** @param exact not only at least */
function compare(plain: Told, plugin: Told, exact: boolean, where: string): void {
  if (exact) {
    expect(plugin, where).to.deep.equal(plain)
    return
  }
  for (const [event, count] of Object.entries(plain.counts)) {
    expect(plugin.counts[event], `${where}: ${event}`).to.be.at.least(count)
  }
  expect(plugin.heldBack, `${where}: held back`).to.be.at.least(plain.heldBack)
  if (!plain.writable) expect(plugin.writable, `${where}: writable`).to.equal(false)
}

describe('An application that paces itself', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  /** Runs it without the plugin and with it. */
  async function inBoth(options: object, run: () => Promise<void>): Promise<void> {
    for (const each of ['plain', { messages, ...options }] as const) {
      fixture = await startServer(each)
      await run()
      if (each === 'plain') await fixture.close()
    }
  }

  it('by the write buffer is stopped in the tick in which it emits', async () => {
    await inBoth({}, async () => {
      await fixture.client()
      const socket = serverSocket(fixture)
      const conn = connectionOf(socket)
      for (let round = 0; round < 10; round++) {
        let emitted = 0
        for (; conn.writeBuffer.length < 10; emitted++) socket.emit('chunk', 'text')
        expect(emitted).to.equal(11)
        await once(conn, 'drain')
      }
    })
  })

  it('by the write buffer is stopped, and goes on, when the kernel takes nothing more', async () => {
    await inBoth({ watermarks: BOUNDLESS }, async () => {
      const client = await fixture.raw()
      const socket = serverSocket(fixture)
      const conn = connectionOf(socket)
      client.stall()
      const chunk = 'x'.repeat(4 * 1024)
      let emitted = 0
      for (let waits = false; !waits; ) {
        for (; conn.writeBuffer.length < 3 && emitted < 5000; emitted++) socket.emit('chunk', chunk)
        waits = !(await Promise.race([once(conn, 'drain'), turn().then(() => turn())]))
      }
      expect(emitted, 'messages').to.be.below(5000)
      expect(conn.transport.writable).to.equal(false)
      expect(conn.transport.socket.bufferedAmount).to.be.above(0)
      const drains = Promise.all([once(conn, 'drain'), once(conn.transport, 'drain')])
      client.resume()
      await drains
      await client.until(() => client.received('chunk').length === emitted)
      await eventually(() => conn.transport.writable)
      expect(conn.transport.socket.bufferedAmount).to.equal(0)
      expect(Object.hasOwn(conn.transport.socket, 'bufferedAmount')).to.equal(false)
    })
  })

  it('by the lanes is told when they have gone, whatever the size of its messages', async () => {
    fixture = await startServer({ messages, watermarks: BOUNDLESS })
    const client = await fixture.raw()
    const socket = serverSocket(fixture)
    client.stall()
    const count = 400
    const sent = (async () => {
      for (let n = 0; n < count; n++) {
        const { critical, cosmetic } = fixture.spillway!.client(socket.id)!.lanes
        if (critical.bytes + cosmetic.bytes > 0) {
          client.resume()
          await once(socket.conn as never, 'drain')
        }
        socket.emit('jackpot:won', { n, pad: pad.repeat(32) })
      }
    })()
    await sent
    client.resume()
    await client.until(() => client.received('jackpot:won').length === count)
  })

  it('by bufferedAmount sees what the kernel has not taken', async () => {
    await inBoth({ watermarks: BOUNDLESS }, async () => {
      const client = await fixture.raw()
      const socket = serverSocket(fixture)
      const conn = connectionOf(socket)
      socket.emit('chunk', 'text')
      client.stall()
      await turn()
      socket.emit('chunk', 'x'.repeat(20 * MiB))
      await turn()
      expect(conn.transport.socket.bufferedAmount).to.be.above(10 * MiB)
      client.resume()
      await client.until(() => client.received('chunk').length === 2)
      await eventually(() => conn.transport.socket.bufferedAmount === 0)
    })
  })

  it('by drain is told when what it waits for was dropped, or has expired', async () => {
    fixture = await startServer({ messages, stallAfter: 200 })
    const client = await fixture.raw({ autoPong: false })
    const socket = serverSocket(fixture)
    const conn = connectionOf(socket)
    starve(fixture, client)
    // more than there is room for
    for (let n = 0; n < 20; n++) socket.emit('blob', { n, data: Buffer.alloc(120_000) })
    const told = once(conn, 'drain')
    client.resume()
    await told
    expect(fixture.spillway!.stats().classes.cosmetic.dropped.messages).to.be.above(0)
  })

  it('by the drain of the server is told of who has begun to listen after the emit', async () => {
    await inBoth({}, async () => {
      await fixture.client()
      const socket = serverSocket(fixture)
      socket.emit('chunk', binary)
      const [conn] = await once(fixture.io.engine, 'drain')
      expect(conn).to.equal(socket.conn)
      socket.emit('jackpot:won', { n: 1, pad })
      socket.emit('jackpot:won', { n: 2, pad })
      const [of, packets] = await once(fixture.io.engine, 'flush')
      expect(of).to.equal(socket.conn)
      expect(
        packets.map(({ type, data }: { type: string; data: string }) => [type, data]),
      ).to.deep.equal([['message', `2["jackpot:won",${JSON.stringify({ n: 2, pad })}]`]])
    })
  })
})
