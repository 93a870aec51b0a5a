import { setTimeout as sleep } from 'node:timers/promises'
import { io } from 'socket.io-client'
import { type Path, PathRelay } from '../../spec/support/paths/path-relay.ts'
import { serve } from '../../spec/support/process/serve.ts'
import type { Payload } from '../harness/messages.ts'
import type { Receipt } from '../harness/receipt.ts'

/** A plain client at the far end of the path. It notes what it receives, and when. */

export interface ConnectOptions {
  readonly server: { readonly host: string; readonly port: number }
  /** What a relay plays here; undefined if there is nothing left to play. */
  readonly path: Path | undefined
}

export interface Received {
  readonly receipts: readonly Receipt[]
  /** When the connection was lost first; null if never. */
  readonly lostAt: number | null
}

const POLL_MS = 50

const receipts: Receipt[] = []
let lostAt: number | null = null

const handlers = {
  async connect({ server, path }: ConnectOptions): Promise<void> {
    const url = path
      ? (await PathRelay.to(server, path)).url
      : `http://${server.host}:${server.port}`
    const socket = io(url, { transports: ['websocket'] })
    socket.on('disconnect', () => {
      lostAt ??= Date.now()
    })
    for (const type of ['critical', 'cosmetic'] as const) {
      socket.on(type, ({ seq, sentAt }: Payload) => {
        receipts.push({ type, seq, sentAt, receivedAt: Date.now() })
      })
    }
    await new Promise<void>((resolve) => socket.once('connect', resolve))
  },

  /** Waits until everything is there, nothing has come for a while, or the time is over. */
  async drain(wait: { expected: number; quietMs: number; mostMs: number }): Promise<Received> {
    const until = Date.now() + wait.mostMs
    const isQuiet = () => Date.now() - (receipts.at(-1)?.receivedAt ?? 0) > wait.quietMs
    while (receipts.length < wait.expected && !isQuiet() && Date.now() < until) await sleep(POLL_MS)
    return { receipts, lostAt }
  },
}
export type ClientHandlers = typeof handlers

serve(handlers)
