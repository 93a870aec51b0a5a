import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server } from 'socket.io'
import type { ClientStats } from '../../schemas/stats.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { countDisconnects, listen, type Reasons } from '../harness/counted-server.ts'
import { type MessageClass, payloadOf } from '../harness/messages.ts'
import { type Sender, type Subject, senders } from '../harness/subjects.ts'
import type { Cell } from './cells.ts'

/** The server under test, alone in its process. */

export interface LoadOptions {
  readonly cell: Cell
  /** After the start. */
  readonly seconds: number
}

/** Sequence numbers of a class run from 1 to `total`; those to `start` were emitted in the start. */
export interface Sent {
  readonly start: number
  readonly total: number
}

/** What it takes the path for; `null` if it does not know, or has no such notion. */
export interface Belief {
  readonly rate: number | null
  readonly minRtt: number | null
  readonly noise: number | null
}

export interface Loaded {
  readonly startedAt: number
  readonly endedAt: number
  readonly critical: Sent
  readonly cosmetic: Sent
  /** After the start, every so often. */
  readonly beliefs: readonly Belief[]
  /** Messages by what became of them, at the end. */
  readonly shed: Readonly<Record<'dropped' | 'conflated' | 'expired', number>> | null
  /** Of the connections that were lost, by reason. */
  readonly reasons: Readonly<Record<string, number>>
}

export const START_MS = 2000
const BELIEF_MS = 250

let sender: Sender | undefined
let reasons: Reasons = {}

const handlers = {
  async open({ host, subject }: { host: string; subject: Subject }): Promise<number> {
    const http = createServer()
    const io = new Server(http)
    sender = senders[subject](io)
    reasons = countDisconnects(io)
    return listen(http, host)
  },

  async load({ cell, seconds }: LoadOptions): Promise<Loaded> {
    const startedAt = Date.now()
    const endsAt = startedAt + START_MS + seconds * 1000
    const sent = { critical: { start: 0, total: 0 }, cosmetic: { start: 0, total: 0 } }
    const emit = (type: MessageClass, bytes: number): void => {
      const count = sent[type]
      sender!.send(type, payloadOf(++count.total, bytes))
      if (Date.now() < startedAt + START_MS) count.start = count.total
    }
    const beliefs: Belief[] = []
    await Promise.all([
      every(cell.everyMs, startedAt, endsAt, () => {
        for (let n = 0; n < cell.messages; n++) emit('cosmetic', cell.messageBytes)
      }),
      every(cell.criticalMs, startedAt + cell.criticalMs / 3, endsAt, () => {
        emit('critical', cell.criticalBytes)
      }),
      every(BELIEF_MS, startedAt + START_MS, endsAt, () => {
        const [client] = sender!.trace?.() ?? []
        if (client) beliefs.push(beliefOf(client))
      }),
    ])
    const endedAt = Date.now()
    const clients = sender!.trace?.()
    const shed = clients && {
      dropped: sum(clients, ({ dropped }) => dropped.messages),
      conflated: sum(clients, ({ conflated }) => conflated.messages),
      expired: sum(clients, ({ expired }) => expired.messages),
    }
    return { startedAt, endedAt, ...sent, beliefs, shed: shed ?? null, reasons }
  },
}
export type ServerHandlers = typeof handlers

/** None is left out because the loop was late. */
async function every(ms: number, from: number, until: number, act: () => void): Promise<void> {
  for (let due = from; due < until; due += ms) {
    await sleep(Math.max(0, due - Date.now()))
    act()
  }
}

function beliefOf(client: ClientStats & { readonly noise?: number | null }): Belief {
  const { rate, minRtt, noise = null } = client
  return { rate, minRtt, noise }
}

function sum(clients: readonly ClientStats[], of: (client: ClientStats) => number): number {
  return clients.reduce((total, client) => total + of(client), 0)
}

serve(handlers)
