import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import type { Socket } from 'socket.io'
import { MESSAGE_OUTCOMES, type MessageOutcome } from '../../lib/base/outcomes.ts'
import { KiB, MiB } from '../../lib/base/units.ts'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { StillPoller } from '../support/clients/poller.ts'
import { messages, pad } from '../support/messages.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

const OUTCOMES = Object.keys(MESSAGE_OUTCOMES) as MessageOutcome[]
const SMALL = { low: 16 * KiB, high: 32 * KiB, limit: 64 * KiB, emergency: 128 * KiB }

type Counts = Record<MessageOutcome, number>

/** What each observer says became of all messages, and how many packets Socket.IO has handed over. */
class Books {
  offered = 0
  /** Undelivered, as `onClosed` summed it up. */
  told = 0
  readonly diagnosed: Counts = { sent: 0, dropped: 0, conflated: 0, expired: 0, undelivered: 0 }
  readonly #unsubscribe: Array<() => void> = []
  fixture!: Fixture

  readonly onClosed = (_socket: unknown, summary: { messages: number }): void => {
    this.told += summary.messages
  }

  constructor() {
    for (const outcome of OUTCOMES) {
      const listener = () => this.diagnosed[outcome]++
      subscribe(`spillway:message:${outcome}`, listener)
      this.#unsubscribe.push(() => unsubscribe(`spillway:message:${outcome}`, listener))
    }
  }

  /** Counts what Socket.IO writes to a connection, in front of the plugin; attachments follow a text. */
  open(fixture: Fixture): void {
    this.fixture = fixture
    fixture.io.engine.on('connection', (conn: { write: (...args: unknown[]) => unknown }) => {
      const { write } = conn
      conn.write = (...args) => {
        if (typeof args[0] === 'string') this.offered++
        return write.apply(conn, args)
      }
    })
  }

  get counted(): Counts {
    const { critical, cosmetic } = this.fixture.spillway!.stats().classes
    const counts = OUTCOMES.map((name) => [name, critical[name].messages + cosmetic[name].messages])
    return Object.fromEntries(counts) as Counts
  }

  /** All that the history of closed clients and their sum say was undelivered. */
  get remembered(): number {
    const closed = this.fixture.spillway!.closed()
    return closed.reduce((sum, { undelivered }) => sum + undelivered.messages, 0)
  }

  close(): void {
    for (const each of this.#unsubscribe) each()
  }
}

/** Nothing of this process runs meanwhile, but time passes. */
function standStill(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms)
}

function totalOf(counts: Counts): number {
  return OUTCOMES.reduce((sum, outcome) => sum + counts[outcome], 0)
}

/** One of each kind of message, to one client and to all. */
function emitAll({ io }: Fixture, socket: Socket): void {
  for (const target of [socket, io, io.to('all')]) {
    target.emit('jackpot:won', { n: 1, pad })
    target.emit('reel:frame', { n: 1, pad })
    target.emit('odds:now', { table: 'a', n: 1, pad })
    target.emit('table:state', { kind: 'seat', n: 1 })
    target.emit('blob', { data: Buffer.alloc(100), n: 1 })
    target.emit('unannotated', pad)
  }
  socket.emit('asks', () => {})
  socket.volatile.emit('unannotated', pad)
}

/** What leads to the end of a client that takes nothing and has something queued. */
const WAYS: Record<string, (fixture: Fixture, socket: Socket) => unknown> = {
  'the administrator': ({ spillway }, socket) => spillway!.terminate(socket.id),
  'the application, in good order': (_, socket) => socket.conn.close(),
  'the application, at once': (_, socket) => socket.conn.close(true),
  'a shutdown': ({ spillway }) => void spillway!.shutdown({ deadline: 100 }),
}

describe('What is offered to a client', () => {
  let fixture: Fixture
  let books: Books

  beforeEach(() => {
    books = new Books()
  })

  afterEach(async () => {
    books.close()
    await fixture.close()
  })

  async function start(options: object, serverOptions: object = {}): Promise<Fixture> {
    fixture = await startServer(
      { messages, onClosed: books.onClosed, stallAfter: 400, grace: 0, ...options },
      serverOptions,
    )
    books.open(fixture)
    fixture.io.on('connection', (socket) => {
      void socket.join('all')
      // it is still in its rooms
      socket.on('disconnecting', () => emitAll(fixture, socket))
    })
    return fixture
  }

  async function expectAll(): Promise<void> {
    await eventually(() => fixture.io.engine.clientsCount === 0)
    for (let turns = 0; turns < 3; turns++) await turn()
    const { counted } = books
    expect(totalOf(counted), 'sent + shed + undelivered').to.equal(books.offered)
    expect(counted.undelivered).to.be.greaterThan(0)
    expect(books.diagnosed, 'diagnosed').to.deep.equal(counted)
    expect(books.told, 'told').to.equal(counted.undelivered)
    expect(books.remembered, 'remembered').to.equal(counted.undelivered)
  }

  const socketOf = () => [...fixture.io.sockets.sockets.values()][0]!

  for (const mode of ['enforce', 'observe'] as const) {
    for (const [way, close] of Object.entries(WAYS)) {
      it(`is accounted for when ${way} closes it, in mode ${mode}`, async () => {
        await start({ watermarks: BOUNDLESS, mode })
        const client = await fixture.raw()
        if (mode === 'enforce') await choke(fixture, client)
        else client.stall()
        emitAll(fixture, socketOf())
        const socket = socketOf()
        close(fixture, socket)
        for (let n = 0; n < 100; n++) emitAll(fixture, socket)
        if (mode === 'observe') client.resume()
        else if (way === 'the application, in good order') client.close()
        if (mode === 'enforce') return expectAll()
        // what was written before it was closed may have been all
        await eventually(() => fixture.io.engine.clientsCount === 0)
        await turn()
        expect(totalOf(books.counted)).to.equal(books.offered)
        expect(books.diagnosed).to.deep.equal(books.counted)
      })
    }
  }

  it('is accounted for when Socket.IO disconnects it, which then offers it nothing', async () => {
    await start({ watermarks: BOUNDLESS })
    const client = await fixture.raw()
    await choke(fixture, client)
    const socket = socketOf()
    emitAll(fixture, socket)
    socket.disconnect(true)
    emitAll(fixture, socket)
    client.close()
    await eventually(() => fixture.io.engine.clientsCount === 0)
    await turn()
    expect(totalOf(books.counted)).to.equal(books.offered)
    expect(books.diagnosed).to.deep.equal(books.counted)
    expect(books.remembered).to.equal(books.counted.undelivered)
  })

  it('is accounted for when the client itself leaves', async () => {
    await start({ watermarks: BOUNDLESS })
    const client = await fixture.raw()
    await choke(fixture, client)
    emitAll(fixture, socketOf())
    client.close()
    await expectAll()
  })

  it('is accounted for in an emergency, whatever is emitted in the same tick', async () => {
    await start({ watermarks: SMALL })
    const client = await fixture.raw()
    client.stall()
    const socket = socketOf()
    while (fixture.spillway!.stats().closed.emergency === 0) {
      for (let n = 0; n < 50; n++) emitAll(fixture, socket)
      await turn()
    }
    await expectAll()
    expect(fixture.spillway!.closed()).to.have.length(1)
  })

  for (const code of ['over-limit', 'stalled'] as const) {
    it(`is accounted for when it is closed as ${code}`, async () => {
      const limit = code === 'stalled' ? 512 * MiB : 128 * KiB
      await start({ watermarks: { ...SMALL, limit, emergency: 1024 * MiB } })
      const client = await fixture.raw()
      client.stall()
      const closed = once(fixture.spillway!.events, 'closed')
      for (let n = 0; n < 100; n++) emitAll(fixture, socketOf())
      const [{ code: given }] = await closed
      expect(given).to.equal(code)
      await expectAll()
    })
  }

  it('is accounted for when the budget closes it', async () => {
    await start({ watermarks: { ...SMALL, limit: 512 * MiB, emergency: 1024 * MiB }, budget: MiB })
    const client = await fixture.raw()
    client.stall()
    const closed = once(fixture.spillway!.events, 'closed')
    for (let n = 0; n < 3000; n++) socketOf().emit('jackpot:won', { n, pad })
    const [{ code }] = await closed
    expect(code).to.equal('budget')
    await expectAll()
  })

  it('is accounted for over polling, where a client is gone at once', async () => {
    await start({ watermarks: SMALL })
    await new StillPoller(fixture.url).join()
    const socket = socketOf()
    while (fixture.spillway!.stats().closed.emergency === 0) {
      for (let n = 0; n < 20; n++) emitAll(fixture, socket)
      await turn()
    }
    await expectAll()
  })

  it('is accounted for when it waits for its slice, and when it is broadcast by who is told', async () => {
    fixture = await startServer({ messages, onClosed: books.onClosed, tickBudget: 1 })
    books.open(fixture)
    const { io, spillway } = fixture
    const clients = await Promise.all(Array.from({ length: 120 }, () => fixture.raw()))
    const joined = totalOf(books.counted)
    const [first, ...others] = [...io.sockets.sockets.values()]
    let members = 0
    first!.once('disconnecting', () => {
      members = io.sockets.sockets.size
      io.emit('jackpot:won', { n: 0 })
    })
    // the turn's budget is spent with it: all of them wait for their slices
    first!.emit('jackpot:won', { n: 0 })
    standStill(20)
    for (let n = 0; n < 3; n++) io.emit('jackpot:won', { n, pad })
    for (const { id } of [first!, ...others.slice(-3)]) spillway!.terminate(id)
    await eventually(() => spillway!.closed().length === 4)
    await eventually(() => totalOf(books.counted) - joined >= 1 + 3 * 120 + members)
    expect(totalOf(books.counted) - joined).to.equal(1 + 3 * 120 + members)
    expect(books.diagnosed).to.deep.equal(books.counted)
    // the broadcasts to those four, and the one to who of them was still there, with the others
    const { undelivered } = books.counted
    expect(undelivered).to.equal(3 * 4 + members - 116)
    expect(books.remembered).to.equal(undelivered)
    await turn()
    expect(books.told).to.equal(undelivered)
    for (const client of clients) client.close()
  })

  it('is accounted for when a subscriber emits to who is being closed', async () => {
    await start({ watermarks: BOUNDLESS })
    const client = await fixture.raw()
    await choke(fixture, client)
    let emitted = 0
    const listener = () => {
      if (emitted++ < 100) fixture.io.emit('jackpot:won', { n: 1 })
    }
    subscribe('spillway:message:undelivered', listener)
    try {
      emitAll(fixture, socketOf())
      fixture.spillway!.terminate(socketOf().id)
      fixture.io.emit('jackpot:won', { n: 1 })
      await expectAll()
      expect(emitted).to.be.greaterThan(10)
    } finally {
      unsubscribe('spillway:message:undelivered', listener)
    }
  })

  it('leads to no endless loop when a subscriber answers each with another', async () => {
    await start({ watermarks: BOUNDLESS })
    const clients = await Promise.all([fixture.raw(), fixture.raw()])
    await choke(fixture, ...clients)
    const listener = () => fixture.io.emit('jackpot:won', { n: 1 })
    subscribe('spillway:message:undelivered', listener)
    try {
      fixture.spillway!.terminate(socketOf().id)
      fixture.io.emit('jackpot:won', { n: 1 })
      for (const client of clients) client.close()
      await expectAll()
    } finally {
      unsubscribe('spillway:message:undelivered', listener)
    }
  })

  it('is accounted for when the library lets go of who is being closed', async () => {
    await start({ watermarks: BOUNDLESS })
    const client = await fixture.raw()
    await choke(fixture, client)
    socketOf().emit('reel:frame', { n: 1, pad })
    socketOf().conn.close()
    emitAll(fixture, socketOf())
    fixture.spillway!.close()
    const { offered } = books
    await turn()
    expect(totalOf(books.counted)).to.equal(offered)
    expect(books.told).to.equal(books.counted.undelivered)
    expect(books.remembered).to.equal(books.counted.undelivered)
    expect(books.diagnosed).to.deep.equal(books.counted)
  })

  it('is accounted for when it is missed, and its client is closed while it is sent it', async () => {
    await start(
      { watermarks: SMALL },
      { connectionStateRecovery: { maxDisconnectionDuration: 60_000 } },
    )
    const { io, spillway } = fixture
    const first = await fixture.client()
    const got = once(first as never, 'jackpot:won')
    io.emit('jackpot:won', { n: 0 })
    await got
    const { id } = first
    const gone = once(io.sockets.sockets.get(id!)!, 'disconnect')
    ;(first.io.engine as unknown as { close(): void }).close()
    await gone
    for (let n = 0; n < 50; n++) io.emit('jackpot:won', { n, pad })
    // whoever comes back is closed by the first message that it is sent again
    io.engine.once('connection', () => {
      const listener = () => {
        unsubscribe('spillway:message:sent', listener)
        for (const { id: client } of spillway!.clients()) spillway!.terminate(client)
      }
      subscribe('spillway:message:sent', listener)
    })
    first.connect()
    await eventually(() => spillway!.closed().some(({ code }) => code === 'terminated'))
    first.close()
    await eventually(() => io.engine.clientsCount === 0)
    await turn()
    expect(totalOf(books.counted)).to.equal(books.offered)
    expect(books.diagnosed).to.deep.equal(books.counted)
    expect(books.counted.undelivered).to.be.greaterThan(30)
  })

  it('is no reason to tell of a client that leaves by itself, if it comes after its end', async () => {
    await start({ watermarks: BOUNDLESS })
    const client = await fixture.raw()
    client.close()
    await eventually(() => fixture.io.engine.clientsCount === 0)
    await turn()
    const { undelivered } = books.counted
    // the broadcasts of its `disconnecting` listener; what it emits to the socket, Socket.IO drops
    expect(undelivered).to.equal(12)
    expect(totalOf(books.counted)).to.equal(books.offered)
    expect(fixture.spillway!.closed()).to.deep.equal([])
    expect(books.told).to.equal(0)
  })
})
