import { io, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import { PathRelay } from '../../spec/support/paths/path-relay.ts'
import { serve } from '../../spec/support/process/serve.ts'
import type { Payload } from '../harness/messages.ts'
import type { Receipt } from '../harness/receipt.ts'
import type { Link } from '../harness/shaped-link.ts'
import type { Speech } from './speech.ts'

/** A plain client at the far end of the link. It notes what it receives, and when. */

export interface ConnectOptions {
  readonly kind: Link['kind']
  readonly server: { readonly host: string; readonly port: number }
  readonly rateKbit: number
  readonly delayMs: number
  readonly speech: Speech
}

export interface Received {
  readonly receipts: readonly Receipt[]
  /** How often the client noticed that its connection was lost, by reason. */
  readonly disconnects: Readonly<Record<string, number>>
}

const POLL_MS = 50

const receipts: Receipt[] = []
const critical = new Set<number>()
const disconnects: Record<string, number> = {}

const handlers = {
  async connect(options: ConnectOptions): Promise<void> {
    const { transport, protocol } = options.speech
    const connectTo = protocol === '3' ? await clientOfProtocol3() : io
    const socket = connectTo(await approach(options), { transports: [transport] })
    socket.on('disconnect', (reason) => {
      disconnects[reason] = (disconnects[reason] ?? 0) + 1
    })
    for (const type of ['critical', 'cosmetic'] as const) {
      socket.on(type, ({ seq, sentAt }: Payload) => {
        receipts.push({ type, seq, sentAt, receivedAt: Date.now() })
        if (type === 'critical') critical.add(seq)
      })
    }
    await new Promise<void>((resolve) => socket.once('connect', resolve))
  },

  /** Waits until so many critical messages are there, though not for ever. */
  async drain({ expected, mostMs }: { expected: number; mostMs: number }): Promise<Received> {
    const until = Date.now() + mostMs
    while (critical.size < expected && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    return { receipts, disconnects }
  },
}
export type ClientHandlers = typeof handlers

type ConnectTo = (url: string, options: Partial<ManagerOptions & SocketOptions>) => Socket

/** Socket.IO 2 has no types; what is used of it is as it is in 4. */
async function clientOfProtocol3(): Promise<ConnectTo> {
  const name: string = 'socket.io-client-2'
  const { default: connectTo } = (await import(name).catch((cause: unknown) => {
    throw new Error(`${name} is not installed; run npm ci --prefix bench`, { cause })
  })) as { default: ConnectTo }
  return connectTo
}

/** @returns where the client has to connect to */
async function approach({ kind, server, rateKbit, delayMs }: ConnectOptions): Promise<string> {
  if (kind === 'netns' && delayMs === 0) return `http://${server.host}:${server.port}`
  const limit = kind === 'proxy' && { bytesPerSecond: (rateKbit * 1000) / 8 }
  return (await PathRelay.to(server, { delayMs, ...limit })).url
}

serve(handlers)
