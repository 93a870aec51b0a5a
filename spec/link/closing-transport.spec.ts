import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import type { Socket } from 'socket.io'
import type { ClosedSummary } from '../../lib/telemetry/undelivered.ts'
import { type Paused, WIRES, type Wire } from '../support/clients/paused.ts'
import { messages, pad } from '../support/messages.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

type Transport = Socket['conn']['transport'] & { readonly socket?: { close(): void } }

const HOW: Readonly<Record<string, (transport: Transport) => void>> = {
  'conn.transport.close()': (transport) => void transport.close(),
  "its WebSocket's close()": (transport) => void transport.socket!.close(),
}

/** What is emitted between the close and its end. */
const AFTER: Readonly<Record<string, (socket: Socket, fixture: Fixture, n: number) => void>> = {
  nothing: () => {},
  'broadcasts follow': (_, { io }, n) => void io.emit('jackpot:won', { n }),
  'messages follow': (socket, _, n) => void socket.emit('reel:frame', { n }),
}

const BEFORE = 60
/** Packets of Socket.IO itself count as critical: that it has joined. */
const JOINING = 1
const FOLLOWING = 5

interface Seen {
  readonly numbers: readonly number[]
  readonly reason: string | undefined
}

describe('A transport that the application closes itself, while its client reads nothing', () => {
  let fixture: Fixture
  let told: ClosedSummary[]

  afterEach(() => fixture.close())

  const onClosed = (_socket: Socket, summary: ClosedSummary) => void told.push(summary)

  async function play(
    mode: 'plain' | 'enforce' | 'observe',
    { server, http, pause }: Wire,
    emit: (n: number) => void,
    close: (transport: Transport) => void,
    after: (socket: Socket, fixture: Fixture, n: number) => void,
  ): Promise<Seen> {
    told = []
    const options = mode === 'plain' ? mode : { messages, mode, onClosed }
    fixture = await startServer(options, server, http?.())
    const client: Paused = await pause(fixture)
    const [socket] = fixture.io.sockets.sockets.values() as unknown as [Socket]
    let reason: string | undefined
    socket.on('disconnect', (why) => {
      reason = why
    })
    for (let n = 0; n < BEFORE; n++) {
      emit(n)
      await turn()
    }
    close(socket.conn.transport)
    for (let n = BEFORE; n < BEFORE + FOLLOWING; n++) after(socket, fixture, n)
    await turn()
    await client.resume()
    await eventually(() => reason !== undefined && !client.isOpen)
    return { numbers: client.numbers, reason }
  }

  /** Of all that was offered, what became of it. */
  function counted() {
    const { critical, cosmetic } = fixture.spillway!.stats().classes
    const sum = (outcome: 'sent' | 'undelivered' | 'dropped' | 'conflated' | 'expired') =>
      critical[outcome].messages + cosmetic[outcome].messages
    const shed = sum('dropped') + sum('conflated') + sum('expired')
    return { sent: sum('sent'), undelivered: sum('undelivered'), shed }
  }

  for (const wire of WIRES.filter(({ wire }) => !wire.includes('upgrade'))) {
    const isPolling = wire.wire === 'polling'
    for (const [how, close] of Object.entries(HOW).slice(0, isPolling ? 1 : 2)) {
      for (const [following, after] of Object.entries(AFTER)) {
        it(`leaves it what it gets without the plugin, by ${how}, ${following}, over ${wire.wire}`, async () => {
          const emit = (n: number) => {
            fixture.io.emit(n % 2 ? 'reel:frame' : 'jackpot:won', { n, pad })
          }
          const plain = await play('plain', wire, emit, close, after)
          // where messages are compressed, which takes a while, less than that
          const isExact = !wire.wire.includes('Deflate')
          if (isExact) expect(plain.numbers.length).to.be.at.least(BEFORE)
          for (const mode of ['observe', 'enforce'] as const) {
            await fixture.close()
            const plugin = await play(mode, wire, emit, close, after)
            const numbers = [...plugin.numbers].sort((a, b) => a - b)
            if (!isExact) {
              // all of it comes before the close
              if (mode === 'enforce') expect(numbers).to.have.length(BEFORE)
              continue
            }
            expect(plugin.reason, mode).to.equal(plain.reason)
            expect(mode === 'observe' ? plugin.numbers : numbers, mode).to.deep.equal(plain.numbers)
            const { sent, undelivered, shed } = counted()
            expect(shed, mode).to.equal(0)
            const emitted = BEFORE + (following === 'nothing' ? 0 : FOLLOWING)
            expect(sent + undelivered, mode).to.equal(emitted + JOINING)
            expect(undelivered, mode).to.equal(emitted - plain.numbers.length)
            await eventually(
              () => told.reduce((sum, { messages: count }) => sum + count, 0) === undelivered,
            )
          }
        })
      }
    }
  }
})
