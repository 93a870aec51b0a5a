import { expect } from 'chai'
import { messages, pad } from '../support/messages.ts'
import { type Fixture, startServer } from '../support/servers/server.ts'

interface Wire {
  readonly wire: string
  readonly server?: object
  readonly ws?: object
  readonly protocol?: number
  /** Somebody looks at every packet, as Socket.IO's Admin UI does. */
  readonly listened?: boolean
}

const WIRES: readonly Wire[] = [
  { wire: 'a WebSocket' },
  { wire: 'a WebSocket that somebody listens to', listened: true },
  { wire: 'a WebSocket of protocol 3', protocol: 3, server: { allowEIO3: true } },
  {
    wire: 'a WebSocket with perMessageDeflate',
    server: { perMessageDeflate: { threshold: 10 } },
    ws: { perMessageDeflate: true },
  },
]

/** The ways in which an application ends a client in good order. */
const ENDINGS: ReadonlyArray<{ by: string; end: (fixture: Fixture) => void }> = [
  { by: 'socket.disconnect(true)', end: ({ io }) => io.disconnectSockets(true) },
  { by: 'conn.close()', end: ({ io }) => [...io.sockets.sockets.values()][0]!.conn.close() },
]

/** When one poll has taken its part, what is left is handed over at once, or in two parts. */
const COUNTS = [12, 18]

describe('A client that upgrades', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  for (const { by, end } of ENDINGS) {
    for (const wire of WIRES) {
      it(`to ${wire.wire} after ${by} receives what plain Socket.IO sends it: everything critical`, async () => {
        for (const count of COUNTS) {
          for (const plugin of ['plain', { messages }] as const) {
            fixture = await startServer(plugin, wire.server)
            const numbers = Array.from({ length: count }, (_, n) => n)
            expect(await receive(count, wire, end)).to.deep.equal(numbers)
            await fixture.close()
          }
        }
      })
    }
  }

  /** @returns the numbers that a client has received which was ended while it upgraded */
  async function receive(
    count: number,
    { ws = {}, protocol = 4, listened }: Wire,
    end: (fixture: Fixture) => void,
  ): Promise<number[]> {
    const { io, url } = fixture
    const request = async (session: string, init?: RequestInit): Promise<string> => {
      const query = `EIO=${protocol}&transport=polling${session}`
      return (await fetch(`${url}/socket.io/?${query}`, init)).text()
    }
    const session = `&sid=${/"sid":"([^"]+)"/.exec(await request(''))![1]}`
    // one of protocol 3 need not say that it joins
    if (protocol === 4) await request(session, { method: 'POST', body: '40' })
    await request(session)
    if (listened) [...io.sockets.sockets.values()][0]!.conn.on('packetCreate', () => {})
    for (let n = 0; n < count; n++) io.emit('jackpot:won', { n, pad: pad.repeat(4) })
    const polled = await request(session)
    // as a client of Engine.IO does, it upgrades between two polls
    const query = protocol === 4 ? session : `&EIO=3${session}`
    const client = await fixture.raw({ query, ws, joins: ['2probe'] })
    await client.until(() => client.frames.includes('3probe'))
    end(fixture)
    client.send('5')
    await client.until(() => !client.open)
    const text = [polled, ...client.frames].join('\n')
    return [...text.matchAll(/"jackpot:won",\{"n":(\d+)/g)].map(([, n]) => Number(n))
  }
})
