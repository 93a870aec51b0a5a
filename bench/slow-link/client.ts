import { io } from 'socket.io-client'
import { startWifi } from '../../demo/wifi.ts'
import { startDelay } from '../link/delay.ts'
import type { Link } from '../link/link.ts'
import { serve } from '../serve.ts'
import type { MessageClass, Payload } from './messages.ts'

/** A plain client at the far end of the link. It notes what it receives, and when. */

export interface ConnectOptions {
  readonly kind: Link['kind']
  readonly server: { readonly host: string; readonly port: number }
  readonly rateKbit: number
  readonly delayMs: number
}

export interface Receipt {
  readonly type: MessageClass
  readonly seq: number
  readonly sentAt: number
  readonly receivedAt: number
}

export interface Received {
  readonly receipts: readonly Receipt[]
  /** How often the client noticed that its connection was lost, by reason. */
  readonly disconnects: Readonly<Record<string, number>>
}

/** So much may be under way beyond rate times delay: what one read brings. */
const HELD = 64 * 1024
const POLL_MS = 50

const receipts: Receipt[] = []
const critical = new Set<number>()
const disconnects: Record<string, number> = {}

const handlers = {
  async connect(options: ConnectOptions): Promise<void> {
    const socket = io(await approach(options), { transports: ['websocket'] })
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

/** @returns where the client has to connect to */
async function approach({ kind, server, rateKbit, delayMs }: ConnectOptions): Promise<string> {
  const bytesPerSecond = (rateKbit * 1000) / 8
  if (kind === 'proxy') return (await startWifi({ target: server, bytesPerSecond, delayMs })).url
  if (delayMs === 0) return `http://${server.host}:${server.port}`
  const mostHeld = HELD + (2 * bytesPerSecond * delayMs) / 1000
  const { port } = await startDelay({ target: server, delayMs, mostHeld })
  return `http://127.0.0.1:${port}`
}

serve(handlers)
