import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../../spec/support/process/serve.ts'
import { Guest } from './guest.ts'
import type { Kind } from './kind.ts'

/** The clients of the lobby. */

/** At once, so that the server's backlog of connections is not the limit. */
const BATCH = 50
const POLL_MS = 20
/** Long enough for what is under way. */
const AFTER_MS = 3000

const guests = new Map<Kind, Guest[]>()

interface OpenOptions {
  readonly host: string
  readonly port: number
  readonly counts: Readonly<Partial<Record<Kind, number>>>
}

const handlers = {
  async open({ host, port, counts }: OpenOptions): Promise<void> {
    for (const [kind, count] of Object.entries(counts) as Array<[Kind, number]>) {
      const opened = Array.from({ length: count }, () => new Guest(kind, host, port))
      guests.set(kind, opened)
      for (let i = 0; i < count; i += BATCH) {
        const batch = opened.slice(i, i + BATCH)
        for (const guest of batch) guest.connect()
        while (batch.some((guest) => !guest.isConnected)) await sleep(POLL_MS)
      }
    }
  },

  /** Those that stop reading do so now. */
  stopReading(): void {
    for (const guest of guests.get('stopped') ?? []) guest.stopsReading = true
  },

  /** Ports of those that don't read, and so don't hear that they were closed. */
  deaf(): number[] {
    return (guests.get('stopped') ?? []).flatMap((guest) => guest.localPort ?? [])
  },

  /** Tells them. */
  closed(ports: readonly number[]): void {
    const gone = new Set(ports)
    for (const guest of guests.get('stopped') ?? []) {
      if (gone.has(guest.localPort ?? 0)) guest.lose()
    }
  },

  /** @param last sequence number of the latest critical message; waits a while for it */
  async results({ last }: { last: number }): Promise<Record<string, Received>> {
    await sleep(AFTER_MS)
    return Object.fromEntries(
      Array.from(guests, ([kind, of]) => [
        kind,
        {
          latencies: of.flatMap(({ latencies }) => latencies),
          lost: of.reduce((sum, guest) => sum + guest.lostUntil(last), 0),
          reconnects: of.reduce((sum, { reconnects }) => sum + reconnects, 0),
        },
      ]),
    )
  },
}
export type ClientHandlers = typeof handlers

export interface Received {
  /** Of critical messages, emit to receipt, in milliseconds. */
  readonly latencies: readonly number[]
  /** Critical messages that did not come, those while it was not connected included. */
  readonly lost: number
  readonly reconnects: number
}

serve(handlers)
