import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server } from 'socket.io'
import { serve } from '../../spec/support/process/serve.ts'
import { countDisconnects, listen, type Reasons } from '../harness/counted-server.ts'
import { payloadOf } from '../harness/messages.ts'
import { type Sender, type Subject, senders } from '../harness/subjects.ts'

/** The server under test, alone in its process. */

export interface LoadOptions {
  readonly seconds: number
  readonly perSecond: number
  readonly messageBytes: number
  readonly criticalEvery: number
}

export interface Loaded {
  readonly startedAt: number
  readonly endedAt: number
  /** Sequence numbers from 1 to this. */
  readonly criticalSent: number
  readonly cosmeticSent: number
}

const TRACE_MS = 500

let sender: Sender | undefined
let reasons: Reasons = {}

const handlers = {
  async open({ host, subject, trace }: { host: string; subject: Subject; trace: boolean }) {
    const http = createServer()
    const io = new Server(http, { allowEIO3: true })
    sender = senders[subject](io)
    reasons = countDisconnects(io)
    if (trace && sender.trace) traceTo(sender.trace)
    return listen(http, host)
  },

  async load(options: LoadOptions): Promise<Loaded> {
    const { seconds, perSecond, messageBytes, criticalEvery } = options
    const startedAt = Date.now()
    const sent = { critical: 0, cosmetic: 0 }
    for (let i = 1; i <= seconds * perSecond; i++) {
      const type = i % criticalEvery === 0 ? 'critical' : 'cosmetic'
      sender!.send(type, payloadOf(++sent[type], messageBytes))
      await sleep(startedAt + (i * 1000) / perSecond - Date.now())
    }
    const endedAt = Date.now()
    return { startedAt, endedAt, criticalSent: sent.critical, cosmeticSent: sent.cosmetic }
  },

  /** How often a connection was lost, by reason. */
  reasons: () => reasons,
}
export type ServerHandlers = typeof handlers

function traceTo(trace: () => object): void {
  const since = performance.now()
  setInterval(() => {
    const at = Math.round(performance.now() - since)
    console.error(JSON.stringify({ at, clients: trace() }))
  }, TRACE_MS).unref()
}

serve(handlers)
