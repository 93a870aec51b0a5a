import type { Socket } from 'node:net'
import { setPriority } from 'node:os'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../../spec/support/process/serve.ts'
import { openLine } from '../harness/line.ts'
import { type Heard, textFrame } from '../harness/wire.ts'

/** Those who are cut off, and come back at once. */

const BATCH = 50
/** They would be other machines: what they need of the processor is not the server's. */
const NICENESS = 10
const POLL_MS = 20
/** Where nothing was told, as after a reset: as socket.io-client does at first. */
const LEAST_RETRY_MS = 1000
const MOST_RETRY_MS = 5000
const MOST_TRIES = 100

class Returning implements Heard {
  isConnected = false
  isOver = false
  refusals = 0
  failures = 0
  readonly #host: string
  readonly #port: number
  #socket: Socket | undefined
  #tries = 0
  /** Milliseconds that it was told to wait. */
  #told: number | undefined
  #isCutOff = false

  constructor(host: string, port: number) {
    this.#host = host
    this.#port = port
  }

  connect(): void {
    this.#tries++
    this.#told = undefined
    const socket = openLine({ host: this.#host, port: this.#port, heard: this })
    this.#socket = socket
    socket.once('close', () => {
      if (this.#isCutOff) return this.#comeBack()
      this.isConnected = false
      if (this.#told === undefined) this.failures++
      if (this.#tries >= MOST_TRIES) this.isOver = true
      else if (!this.isOver) setTimeout(() => this.connect(), this.#told ?? ownRetry())
    })
  }

  /** It notices at once, and so does the server. */
  cutOff(): void {
    this.isConnected = false
    this.#isCutOff = true
    this.#socket?.resetAndDestroy()
  }

  leave(): void {
    this.isOver = true
    this.#socket?.resetAndDestroy()
  }

  /** What happened before is of no interest. */
  #comeBack(): void {
    this.#isCutOff = false
    this.#tries = 0
    this.refusals = 0
    this.failures = 0
    this.connect()
  }

  connected(): void {
    this.isConnected = true
  }

  reply(bytes: Buffer): void {
    this.#socket?.write(bytes)
  }

  critical(): void {}

  refused(head: string): void {
    this.refusals++
    this.#told = 1000 * Number(/^retry-after: (\d+)/im.exec(head)?.[1] ?? Number.NaN)
    if (Number.isNaN(this.#told)) this.#told = ownRetry()
  }

  packet(text: string): void {
    const [, retryAfter] = /^44.*"retryAfter":(\d+)/.exec(text) ?? []
    if (retryAfter === undefined) return
    this.refusals++
    setTimeout(() => this.#socket?.write(textFrame('40')), Number(retryAfter))
  }
}

function ownRetry(): number {
  return LEAST_RETRY_MS + Math.random() * (MOST_RETRY_MS - LEAST_RETRY_MS)
}

const crowd: Returning[] = []

const handlers = {
  async open({ host, port, count }: { host: string; port: number; count: number }): Promise<void> {
    setPriority(NICENESS)
    for (let left = count; left > 0; left -= BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, left) }, () => new Returning(host, port))
      for (const each of batch) each.connect()
      crowd.push(...batch)
      while (batch.some(({ isConnected }) => !isConnected)) await sleep(POLL_MS)
    }
  },

  /** All of them at once; ends when all are connected again, or the time is over. */
  async storm({ mostMs }: { mostMs: number }) {
    const startedAt = performance.now()
    for (const each of crowd) each.cutOff()
    const isOver = () => performance.now() - startedAt >= mostMs
    while (crowd.some(({ isConnected }) => !isConnected) && !isOver()) await sleep(POLL_MS)
    const connected = crowd.filter(({ isConnected }) => isConnected).length
    const sum = (of: (each: Returning) => number) => crowd.reduce((all, each) => all + of(each), 0)
    return {
      connected,
      millis: connected === crowd.length ? performance.now() - startedAt : null,
      refusals: sum(({ refusals }) => refusals),
      failures: sum(({ failures }) => failures),
    }
  },

  leave(): void {
    for (const each of crowd) each.leave()
  },
}
export type CrowdHandlers = typeof handlers
export type Storm = Awaited<ReturnType<CrowdHandlers['storm']>>

serve(handlers)
