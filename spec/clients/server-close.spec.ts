import { once } from 'node:events'
import { expect } from 'chai'
import type { Server } from 'socket.io'
import type { ClosedClient } from '../../schemas/stats.ts'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { messages, pad } from '../support/messages.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'
import { TLS_CLIENT, tlsServer } from '../support/servers/tls.ts'

type Conn = {
  readonly transport: { readonly writable: boolean }
  readonly writeBuffer: readonly unknown[]
  on(event: string, listener: (packet: { data?: unknown }) => void): void
}

const connsOf = (io: Server): Conn[] => Object.values(Reflect.get(io.engine, 'clients'))

const deflate = { perMessageDeflate: { threshold: 10 } }

/** Each opens a client, and a look at the numbers that it has received. */
const KINDS = [
  { kind: 'a WebSocket', open: rawNumbers },
  { kind: 'a WebSocket over TLS', http: tlsServer, open: rawNumbers, ws: TLS_CLIENT },
  {
    kind: 'a WebSocket with perMessageDeflate',
    server: deflate,
    open: rawNumbers,
    ws: { perMessageDeflate: true },
  },
  { kind: 'polling', open: pollingNumbers },
]

async function rawNumbers(fixture: Fixture, ws: object = {}): Promise<() => number[]> {
  const client = await fixture.raw({ ws })
  return () => client.received<{ n: number }>('jackpot:won').map(({ n }) => n)
}

async function pollingNumbers(fixture: Fixture): Promise<() => number[]> {
  const client = await fixture.client({ transports: ['polling'] })
  const numbers: number[] = []
  client.on('jackpot:won', ({ n }: { n: number }) => numbers.push(n))
  return () => numbers
}

/** Longer than the budget of the turn, which what was emitted in it has begun. */
function spendBudget(): void {
  for (const until = performance.now() + 5; performance.now() < until; ) {}
}

describe('When the server closes its connections', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  for (const { kind, http, server, open, ws } of KINDS) {
    it(`nothing is lost that waits for its slice, over ${kind}, as without the plugin`, async () => {
      for (const options of ['plain', { messages, tickBudget: 1 }] as const) {
        fixture = await startServer(options, server, http?.())
        const received = await Promise.all(Array.from({ length: 8 }, () => open(fixture, ws)))
        await eventually(() => connsOf(fixture.io).every(({ transport }) => transport.writable))
        const [first, ...others] = fixture.io.sockets.sockets.values()
        first!.emit('jackpot:won', { n: 1, pad })
        spendBudget()
        for (const other of others) other.emit('jackpot:won', { n: 1, pad })
        fixture.io.engine.close()
        await eventually(() => received.every((numbers) => numbers().length > 0))
        for (const numbers of received) expect(numbers()).to.deep.equal([1])
        if (options === 'plain') await fixture.close()
      }
    })
  }

  it('what one tick has sent to a client that waits is written in its order', async () => {
    fixture = await startServer({ messages, tickBudget: 1 }, {}, tlsServer())
    const open = () => rawNumbers(fixture, TLS_CLIENT)
    const received = await Promise.all(Array.from({ length: 4 }, open))
    const [first] = fixture.io.sockets.sockets.values()
    first!.emit('table:state', { kind: 'seat', n: 0 })
    spendBudget()
    for (let n = 0; n < 10; n++) first!.broadcast.emit('jackpot:won', { n, pad })
    fixture.io.engine.close()
    await eventually(() => received.filter((numbers) => numbers().length === 10).length === 3)
    const expected = Array.from({ length: 10 }, (_, n) => n)
    expect(received.map((numbers) => numbers())).to.deep.include(expected)
  })

  it('in the middle of a slice, the client that is being written keeps what it was given', async () => {
    fixture = await startServer({ messages, tickBudget: 1 }, deflate)
    const ws = { perMessageDeflate: true }
    const received: Array<() => number[]> = []
    for (let n = 0; n < 3; n++) received.push(await rawNumbers(fixture, ws))
    const [first] = fixture.io.sockets.sockets.values()
    const [, conn] = connsOf(fixture.io)
    conn!.on('packetCreate', ({ data }) => {
      if (String(data).includes('"n":2')) fixture.io.engine.close()
    })
    first!.emit('table:state', { kind: 'seat', n: 0 })
    spendBudget()
    for (let n = 0; n < 3; n++) fixture.io.emit('jackpot:won', { n })
    // the first one's transport is still sending what began the turn
    const [, second, third] = received
    await eventually(() => second!().length > 1 && third!().length > 2)
    expect([second!(), third!()]).to.deep.equal([
      [0, 1],
      [0, 1, 2],
    ])
  })

  it('what a stalled client can not take is let go of, and not written first', async () => {
    fixture = await startServer({ messages, watermarks: BOUNDLESS, stallAfter: 60_000 })
    const client = await fixture.raw()
    await choke(fixture, client)
    for (let n = 0; n < 200; n++) fixture.io.emit('jackpot:won', { n, pad })
    const [conn] = connsOf(fixture.io)
    const { socket: ws } = conn!.transport as unknown as { socket: { bufferedAmount: number } }
    const held = ws.bufferedAmount
    const heldBack = conn!.writeBuffer.length
    const closed = once(fixture.spillway!.events, 'closed') as Promise<[ClosedClient]>
    fixture.io.engine.close()
    expect(ws.bufferedAmount - held).to.be.below(1024)
    expect(conn!.writeBuffer).to.have.length(heldBack)
    const [{ code, undelivered }] = await closed
    expect(code).to.equal('gone')
    expect(undelivered.messages).to.be.at.least(200)
    expect([...fixture.spillway!.clients()]).to.deep.equal([])
  })
})
