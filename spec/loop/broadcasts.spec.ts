import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import type { Server, ServerOptions, Socket } from 'socket.io'
import { z } from 'zod'
import type { ClosedSummary, SpillwayOptions } from '../../lib/index.ts'
import { Broadcasts, type Recipient } from '../../lib/loop/broadcasts.ts'
import { TurnScheduler } from '../../lib/loop/turn-scheduler.ts'
import type { Envelope } from '../../lib/message/envelope.ts'
import { HeldBytes } from '../../lib/message/held-bytes.ts'
import { cosmetic } from '../../schemas/priority.ts'
import { criticalRule, envelope, rule } from '../support/fakes/envelopes.ts'
import { fakeClock } from '../support/fakes/fake-clock.ts'
import { messages, pad } from '../support/messages.ts'
import { makePair } from '../support/servers/pair-adapter.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'

/** More than are always sent a broadcast where it is emitted. */
const CLIENTS = 110
/** The client at which the budget of a turn is spent. */
const BUSY_AT = 5
const BUDGET_MS = 1

interface Crowd {
  readonly fixture: Fixture
  readonly io: Server
  readonly clients: readonly RawClient[]
  /** In the order in which they are visited. */
  readonly sockets: readonly Socket[]
  /** The last one to be visited. */
  readonly last: { readonly client: RawClient; readonly socket: Socket }
}

describe('A broadcast to many', () => {
  const critical = envelope({ rule: criticalRule })
  const cosmeticOne = envelope({ rule: rule({ class: 'cosmetic' }) })

  function setUp() {
    const clock = fakeClock()
    const scheduler = new TurnScheduler(clock, BUDGET_MS, () => {})
    const broadcasts = new Broadcasts(clock, scheduler, new HeldBytes(), 2)
    const offered: Envelope[] = []
    const recipient = (): Recipient => ({
      cork() {},
      offer: (message) => offered.push(message),
      uncork() {},
      missed() {},
    })
    return { clock, broadcasts, offered, recipients: [recipient(), recipient()] }
  }

  it('is offered at once if it is alone in its tick, as guessed from the one before', async () => {
    const { broadcasts } = setUp()
    const guesses: boolean[] = []
    for (const inTick of [1, 2, 1, 1]) {
      for (let n = 0; n < inTick; n++) {
        guesses.push(broadcasts.mayOfferAtOnce(critical))
        broadcasts.offer([], critical, 2)
      }
      await turn()
    }
    expect(guesses).to.deep.equal([true, true, false, false, true])
  })

  it('is not offered at once while one waits that it would overtake', async () => {
    for (const [waiting, next, expected] of [
      [cosmeticOne, cosmeticOne, false],
      [cosmeticOne, critical, true],
      [critical, cosmeticOne, false],
      [critical, critical, false],
    ] as const) {
      const { clock, broadcasts, recipients, offered } = setUp()
      broadcasts.offer(recipients, waiting)
      clock.advance(2 * BUDGET_MS)
      // the tick ends, and serves one recipient: its budget is spent
      await new Promise<void>((resolve) => process.nextTick(resolve))
      expect([offered.length, broadcasts.waiting]).to.deep.equal([1, true])
      expect(broadcasts.mayOfferAtOnce(next)).to.equal(expected)
      await eventually(() => offered.length === recipients.length)
    }
  })

  it('is offered no further when the budget of the turn is spent', () => {
    const { broadcasts, recipients, offered, clock } = setUp()
    expect(broadcasts.offerAtOnce(recipients[0]!, critical)).to.equal(true)
    clock.advance(2 * BUDGET_MS)
    expect(broadcasts.offerAtOnce(recipients[1]!, critical)).to.equal(false)
    expect(offered).to.deep.equal([critical])
  })
})

describe('A broadcast that takes longer than the budget', () => {
  const open: Fixture[] = []

  afterEach(async () => {
    for (const fixture of open.splice(0)) await fixture.close()
  })

  async function crowd(
    options: SpillwayOptions = {},
    serverOptions: Partial<ServerOptions> = {},
  ): Promise<Crowd> {
    const fixture = await startServer(
      { messages, tickBudget: BUDGET_MS, ...options },
      serverOptions,
    )
    open.push(fixture)
    const { io } = fixture
    const connected = await Promise.all(Array.from({ length: CLIENTS }, () => fixture.raw()))
    const bySid = new Map(connected.map((client) => [sidOf(client), client]))
    const sockets = [...io.sockets.sockets.values()]
    const clients = sockets.map(({ id }) => bySid.get(id)!)
    sockets[BUSY_AT]!.conn.on('packetCreate', () => spendBudget(2 * BUDGET_MS))
    // an adapter is tapped when it first broadcasts
    io.to('nobody').emit('jackpot:won', { n: -1 })
    const client = clients.at(-1)!
    return { fixture, io, clients, sockets, last: { client, socket: sockets.at(-1)! } }
  }

  const numbers = (client: RawClient, event = 'jackpot:won') =>
    client.received<{ n: number }>(event).map(({ n }) => n)
  const bytesTo = ({ conn }: Socket) => {
    const { socket } = conn.transport as unknown as { socket: { _socket: Written } }
    return socket._socket.bytesWritten
  }
  interface Written {
    readonly bytesWritten: number
  }

  it('is sent to some where it is emitted, to the others in later turns of the loop', async () => {
    const { fixture, io, clients, sockets } = await crowd()
    const before = sockets.map(bytesTo)
    io.emit('jackpot:won', { n: 1 })
    const reached = sockets.filter((socket, index) => bytesTo(socket) > before[index]!)
    expect(reached).to.deep.equal(sockets.slice(0, reached.length))
    expect(reached.length).to.be.within(1, BUSY_AT + 1)
    for (const client of clients) await client.until(() => numbers(client).length === 1)
    expect(fixture.spillway!.readings.fanout.slices).to.be.above(0)
    expect(fixture.spillway!.stats().budget.held).to.equal(0)
  })

  it('keeps its place before what follows it: of all, of one, answers, and a DISCONNECT', async () => {
    const { io, clients, last } = await crowd()
    last.socket.on('ask', (answer: () => void) => answer())
    for (let n = 0; n < 20; n++) {
      io.emit('jackpot:won', { n })
      if (n % 3 === 0) last.socket.emit('jackpot:won', { n: 100 + n })
      if (n % 7 === 0) await turn()
    }
    io.emit('reel:frame', { n: 20 })
    last.socket.disconnect()
    for (const client of clients) await client.until(() => numbers(client).includes(19))
    const { client } = last
    await client.until(() => client.frames.at(-1) === '41')
    const expected = Array.from({ length: 20 }, (_, n) => (n % 3 === 0 ? [n, 100 + n] : [n])).flat()
    expect(numbers(client)).to.deep.equal(expected)
    expect(numbers(client, 'reel:frame')).to.deep.equal([20])
    for (const each of clients.slice(0, -1)) {
      expect(numbers(each)).to.deep.equal(Array.from({ length: 20 }, (_, n) => n))
    }
  })

  it('overtakes those that are cosmetic, if it is critical', async () => {
    const { io, last } = await crowd()
    io.emit('reel:frame', { n: 1 })
    io.emit('reel:frame', { n: 2 })
    io.emit('jackpot:won', { n: 3 })
    const { client } = last
    await client.until(() => client.events.length === 3)
    expect(client.events).to.deep.equal(['jackpot:won', 'reel:frame', 'reel:frame'])
    expect(numbers(client, 'reel:frame')).to.deep.equal([1, 2])
  })

  it('is for those who were in the room when it was emitted', async () => {
    const { io, sockets, clients, last } = await crowd()
    for (const socket of sockets) socket.join('table')
    last.socket.leave('table')
    io.to('table').emit('jackpot:won', { n: 1 })
    last.socket.join('table')
    sockets.at(-2)!.leave('table')
    io.except('table').emit('jackpot:won', { n: 2 })
    io.emit('jackpot:won', { n: 3 })
    for (const client of clients) await client.until(() => numbers(client).includes(3))
    expect(numbers(last.client)).to.deep.equal([3])
    expect(numbers(clients.at(-2)!)).to.deep.equal([1, 2, 3])
  })

  it('reaches a client that is disconnected right after it', async () => {
    const { io, last } = await crowd()
    io.emit('jackpot:won', { n: 1 })
    last.socket.disconnect(true)
    await last.client.until(() => !last.client.open)
    expect(numbers(last.client)).to.deep.equal([1])
  })

  it('reaches everyone before io.close() closes them', async () => {
    const { io, clients } = await crowd()
    for (let n = 0; n < 3; n++) io.emit('jackpot:won', { n })
    await io.close()
    for (const client of clients) await client.until(() => !client.open)
    // Engine.IO, through which it is sent to the busy one, drops all but the first, as ever
    for (const client of clients.toSpliced(BUSY_AT, 1)) {
      expect(numbers(client)).to.deep.equal([0, 1, 2])
    }
  })

  it('reaches a client that takes nothing when the scheduler lets go of it', async () => {
    const { fixture, io, last } = await crowd()
    last.client.stall()
    for (let n = 0; n < 4000; n++) last.socket.emit('jackpot:won', { n, pad })
    io.emit('jackpot:won', { n: 4000 })
    io.emit('jackpot:won', { n: 4001 })
    fixture.spillway!.close()
    last.client.resume()
    await last.client.until(() => numbers(last.client).length === 4002)
    expect(numbers(last.client)).to.deep.equal(Array.from({ length: 4002 }, (_, n) => n))
  })

  it('is for its own recipients, though as many others wait for another', async () => {
    const { io, sockets, clients } = await crowd()
    sockets.forEach((socket, index) => {
      if (index > 0) socket.join('a')
      if (index < CLIENTS - 1) socket.join('b')
    })
    for (const [n, room] of ['a', 'b', 'a'].entries()) io.to(room).emit('jackpot:won', { n })
    for (const client of clients.slice(1, -1)) {
      await client.until(() => numbers(client).length === 3)
      expect(numbers(client)).to.deep.equal([0, 1, 2])
    }
    expect([numbers(clients[0]!), numbers(clients.at(-1)!)]).to.deep.equal([[1], [0, 2]])
  })

  it('reaches everyone before the scheduler lets go of the server', async () => {
    const { fixture, io, clients } = await crowd()
    for (let n = 0; n < 3; n++) io.emit('jackpot:won', { n })
    fixture.spillway!.close()
    io.emit('jackpot:won', { n: 3 })
    for (const client of clients) await client.until(() => numbers(client).length === 4)
    for (const client of clients) expect(numbers(client)).to.deep.equal([0, 1, 2, 3])
  })

  it('reaches everyone before app.close() closes them', async () => {
    const { fixture, io, clients } = await crowd()
    for (let n = 0; n < 3; n++) io.emit('jackpot:won', { n })
    await fixture.spillway!.shutdown({ deadline: 10_000, spread: 50 })
    for (const client of clients) expect(numbers(client)).to.deep.equal([0, 1, 2])
  })

  it('counts as undelivered for a client that is gone before its slice', async () => {
    const closed: ClosedSummary[] = []
    const onClosed = (_socket: unknown, summary: ClosedSummary) => closed.push(summary)
    const { fixture, io, last } = await crowd({ onClosed })
    io.emit('jackpot:won', { n: 1 })
    io.emit('reel:frame', { n: 2 })
    const { socket } = last.socket.conn.transport as unknown as { socket: { terminate(): void } }
    // as if its connection had been reset: no close frame, no slice in between
    last.socket.conn.emit('close', 'transport close')
    socket.terminate()
    await eventually(() => closed.length === 1)
    expect(closed[0]).to.include({ code: 'gone', messages: 2 })
    const { undelivered } = fixture.spillway!.stats().classes.critical
    expect(undelivered.messages).to.equal(1)
  })

  it('lets expire what is too old when its slice comes', async () => {
    const blink = cosmetic(z.object({ n: z.number() }), { maxAge: 50 })
    const { fixture, io, clients, sockets, last } = await crowd({
      messages: { ...messages, blink },
    })
    sockets[BUSY_AT]!.conn.on('packetCreate', () => spendBudget(100))
    io.emit('blink', { n: 1 })
    io.emit('jackpot:won', { n: 2 })
    for (const client of clients) await client.until(() => numbers(client).length === 1)
    await eventually(() => fixture.spillway!.stats().budget.held === 0)
    const { expired } = fixture.spillway!.stats().classes.cosmetic
    expect(expired.messages).to.be.within(CLIENTS - BUSY_AT - 1, CLIENTS - 1)
    expect(numbers(last.client, 'blink')).to.deep.equal([])
  })

  it('is told to those who listen to outgoing messages where it is emitted', async () => {
    const { io, clients, last } = await crowd()
    const told: unknown[] = []
    last.socket.onAnyOutgoing((_event, { n }) => told.push(n))
    io.emit('jackpot:won', { n: 1 })
    expect(told).to.deep.equal([1])
    last.socket.offAnyOutgoing()
    io.emit('jackpot:won', { n: 2 })
    last.socket.onAnyOutgoing((_event, { n }) => told.push(n))
    io.emit('jackpot:won', { n: 3 })
    for (const client of clients) await client.until(() => numbers(client).length === 3)
    expect(told).to.deep.equal([1, 3])
  })

  it('is answered by everyone, if it wants an answer', async () => {
    const { io, clients } = await crowd()
    const asked = io.timeout(5000).emitWithAck('jackpot:won', { n: 1 })
    for (const client of clients) {
      await client.until(() => client.frames.some((frame) => /^42\d+\[/.test(String(frame))))
      const [, id] = /42(\d+)\[/.exec(client.frames.map(String).join(''))!
      client.send(`43${id}["yes"]`)
    }
    expect(await asked).to.deep.equal(Array.from({ length: CLIENTS }, () => 'yes'))
  })

  it('comes from another node, and by an adapter that replaced the first', async () => {
    const adapter = makePair()
    const { io, clients } = await crowd({}, { adapter })
    const other = await startServer('plain', { adapter })
    open.push(other)
    for (let n = 0; n < 5; n++) other.io.emit('jackpot:won', { n })
    for (const client of clients) await client.until(() => numbers(client).length === 5)
    for (const client of clients) expect(numbers(client)).to.deep.equal([0, 1, 2, 3, 4])
    expect(io.engine.clientsCount).to.equal(CLIENTS)
  })

  it('keeps a listener that throws from nobody else', async () => {
    const { io, clients, sockets } = await crowd()
    const thrown: string[] = []
    process.setUncaughtExceptionCaptureCallback(({ message }) => thrown.push(message))
    const conn = sockets[BUSY_AT + 20]!.conn
    conn.once('packetCreate', () => {
      throw new Error('of a listener')
    })
    io.emit('jackpot:won', { n: 1 })
    io.emit('jackpot:won', { n: 2 })
    const others = clients.filter((_client, index) => sockets[index]!.conn !== conn)
    for (const client of others) await client.until(() => numbers(client).length === 2)
    process.setUncaughtExceptionCaptureCallback(null)
    expect(thrown).to.deep.equal(['of a listener'])
    for (const client of others) expect(numbers(client)).to.deep.equal([1, 2])
  })

  it('holds the loop when hundreds wait, so that they do not grow without end', async () => {
    const { io, clients, last } = await crowd()
    const before = bytesTo(last.socket)
    for (let n = 0; n < 300; n++) io.emit('jackpot:won', { n })
    expect(bytesTo(last.socket)).to.be.above(before)
    for (const client of clients) await client.until(() => numbers(client).length === 300)
    for (const client of clients) {
      expect(numbers(client)).to.deep.equal(Array.from({ length: 300 }, (_, n) => n))
    }
  })
})

function sidOf({ frames }: RawClient): string {
  const [, sid] = /^40{"sid":"(.*?)"/m.exec(frames.map(String).join('\n'))!
  return sid!
}

function spendBudget(forMs: number): void {
  const until = performance.now() + forMs
  while (performance.now() < until) {}
}
