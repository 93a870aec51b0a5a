import type { Server as HttpsServer } from 'node:https'
import type { ServerOptions } from 'socket.io'
import { eventually, type Fixture, type RawClient } from '../servers/server.ts'
import { TLS_CLIENT, tlsServer } from '../servers/tls.ts'
import { PollingSession } from './upgrades.ts'

/** A client that reads nothing for now, and what it has received when it reads again. */
export interface Paused {
  resume(): Promise<void>
  readonly numbers: readonly number[]
  readonly isOpen: boolean
}

export interface Wire {
  readonly wire: string
  readonly server?: Partial<ServerOptions>
  readonly http?: () => HttpsServer
  pause(fixture: Fixture): Promise<Paused>
}

const numbersIn = (text: string) =>
  [...text.matchAll(/"(?:jackpot:won|reel:frame)",\{"n":(\d+)/g)].map(([, n]) => Number(n))

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

/** Engine.IO's close, between others. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: that is how packets are separated
const CLOSE = /(?:^|\x1e)1(?:\x1e|$)/

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
      while (!text.includes('"n":999') && !CLOSE.test(text)) text += await session.poll()
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

export const WIRES: readonly Wire[] = [
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
