import type { Server as HttpsServer } from 'node:https'
import { expect } from 'chai'
import type { ServerOptions } from 'socket.io'
import { BOUNDLESS } from './support/flood.ts'
import { messages } from './support/messages.ts'
import { eventually, type Fixture, type RawClient, startServer } from './support/server.ts'
import { TLS_CLIENT, tlsServer } from './support/tls.ts'
import { PollingSession } from './support/upgrades.ts'

const MESSAGES = 20
const LONG = 'x'.repeat(400_000)

/** A client that reads nothing for now, and what it has received when it reads again. */
interface Paused {
  resume(): Promise<void>
  readonly numbers: readonly number[]
  readonly isOpen: boolean
}

interface Wire {
  readonly wire: string
  readonly server?: Partial<ServerOptions>
  readonly http?: () => HttpsServer
  pause(fixture: Fixture): Promise<Paused>
}

const numbersIn = (text: string) =>
  [...text.matchAll(/"jackpot:won",\{"n":(\d+)/g)].map(([, n]) => Number(n))

function paused(client: RawClient): Paused {
  client.stall()
  return {
    resume: async () => client.resume(),
    get numbers() {
      return numbersIn(client.frames.join('\n'))
    },
    get isOpen() {
      return client.open
    },
  }
}

/** Everything but the first response is read when it resumes. */
async function pausedPoll(fixture: Fixture): Promise<Paused> {
  const session = await PollingSession.open(fixture)
  const { conn } = [...fixture.io.sockets.sockets.values()].at(-1)!
  const first = session.poll()
  await eventually(() => conn.transport.writable)
  let text = ''
  return {
    async resume() {
      text += await first
      while (!text.includes('"n":999')) text += await session.poll()
    },
    get numbers() {
      return numbersIn(text)
    },
    get isOpen() {
      return conn.readyState === 'open'
    },
  }
}

/** It upgrades when it resumes, between two polls; what it was sent waits until then. */
async function pausedUpgrade(fixture: Fixture): Promise<Paused> {
  const { sid } = await PollingSession.open(fixture)
  const client = await fixture.raw({ query: `&sid=${sid}`, joins: ['2probe'] })
  await client.until(() => client.frames.includes('3probe'))
  return {
    ...paused(client),
    resume: async () => {
      client.resume()
      client.send('5')
    },
    get numbers() {
      return numbersIn(client.frames.join('\n'))
    },
    get isOpen() {
      return client.open
    },
  }
}

const WIRES: readonly Wire[] = [
  { wire: 'a WebSocket', pause: async (fixture) => paused(await fixture.raw()) },
  {
    wire: 'a WebSocket of protocol 3',
    server: { allowEIO3: true },
    pause: async (fixture) => paused(await fixture.raw({ protocol: 3 })),
  },
  {
    wire: 'a WebSocket over TLS',
    http: tlsServer,
    pause: async (fixture) => paused(await fixture.raw({ ws: TLS_CLIENT })),
  },
  {
    wire: 'a WebSocket with perMessageDeflate',
    server: { perMessageDeflate: { threshold: 10 } },
    pause: async (fixture) => paused(await fixture.raw({ ws: { perMessageDeflate: true } })),
  },
  { wire: 'polling', pause: pausedPoll },
  { wire: 'polling, in an upgrade', pause: pausedUpgrade },
]

describe('After close(), with writes under way', () => {
  let fixture: Fixture

  afterEach(() => fixture.close())

  for (const { wire, server, http, pause } of WIRES) {
    it(`a client stays and receives everything, over ${wire}, as without the plugin`, async () => {
      const seen: unknown[] = []
      for (const plugin of ['plain', { messages, watermarks: BOUNDLESS }] as const) {
        fixture = await startServer(plugin, server, http?.())
        const client = await pause(fixture)
        for (let n = 0; n < MESSAGES; n++) fixture.io.emit('jackpot:won', { n, pad: LONG })
        fixture.spillway?.close()
        const told = listenIn(fixture)
        for (let n = MESSAGES; n < MESSAGES + 5; n++)
          fixture.io.emit('jackpot:won', { n, pad: LONG })
        fixture.io.emit('jackpot:won', { n: 999 })
        await Promise.all([client.resume(), eventually(() => client.numbers.at(-1) === 999)])
        seen.push({ numbers: client.numbers, isOpen: client.isOpen })
        expect(told, 'of what is detached').to.deep.equal([])
        if (plugin === 'plain') await fixture.close()
      }
      expect(seen[1]).to.deep.equal(seen[0])
      expect(seen[0]).to.deep.include({ isOpen: true })
      expect((seen[0] as { numbers: number[] }).numbers).to.have.length(MESSAGES + 6)
    })

    it(`nothing comes of it that one goes away meanwhile, over ${wire}`, async () => {
      fixture = await startServer({ messages, watermarks: BOUNDLESS }, server, http?.())
      await pause(fixture)
      for (let n = 0; n < MESSAGES; n++) fixture.io.emit('jackpot:won', { n, pad: LONG })
      fixture.spillway!.close()
      const told = listenIn(fixture)
      // as Engine.IO does with whoever vanishes
      for (const { conn } of fixture.io.sockets.sockets.values()) {
        ;(conn as unknown as { onClose(reason: string): void }).onClose('transport close')
      }
      await eventually(() => fixture.io.engine.clientsCount === 0)
      expect(told).to.deep.equal([])
      const { sizes, closings } = fixture.spillway!
      expect(Object.values(sizes).every((size) => size === 0)).to.equal(true)
      expect(Object.values(closings).every((times) => times === 0)).to.equal(true)
    })
  }
})

/** What the library tells from now on. */
function listenIn({ spillway }: Fixture): string[] {
  const told: string[] = []
  for (const event of ['congested', 'recovered', 'closed', 'fault', 'invalid', 'policy'] as const) {
    spillway?.events.on(event, () => told.push(event))
  }
  return told
}
