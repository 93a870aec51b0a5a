import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import type { Callbacks } from '../telemetry/callbacks.ts'

/** The clients, as a shutdown sees them. */
export interface ShutdownHost {
  channels(): Iterable<Channel>
  /** Whether no client and no kernel socket of one is left. */
  readonly gone: boolean
  /** Terminates all clients that are left. */
  terminateAll(): void
  now(): Millis
}

/** Hears of clients that come and go during a shutdown. */
export interface Departures {
  joined(channel: Channel): void
  left(): void
}

export interface ShutdownPace {
  /** Time for the whole shutdown; clients that are left then are terminated. */
  readonly deadline: Millis
  /** Time over which the closing of the clients is spread. */
  readonly spread: Millis
}

/** Interval between groups of clients that are closed, if closing is spread. */
const TURN_INTERVAL: Millis = 20
/** Time for Node to report that terminated connections are gone. */
const LAST_WAIT: Millis = 1000

/**
 * Closes each client as soon as it has been sent its critical messages, spread over time if asked for,
 * and terminates those that are left at the deadline. A client is served as usual until its turn to
 * close has come.
 */
export class Shutdown implements Departures {
  /** Resolves when all clients are gone and the application's callbacks have run; never rejects. */
  readonly done: Promise<void>
  readonly #host: ShutdownHost
  readonly #callbacks: Callbacks
  readonly #forget: () => void
  readonly #spread: Millis
  readonly #startedAt: Millis
  /** Clients whose turn to close has not come yet, from last to first. */
  readonly #waiting: Channel[]
  readonly #total: number
  #turns: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout | undefined
  #settle!: () => void
  #settled = false
  /** The deadline has passed. */
  #late = false

  constructor(host: ShutdownHost, callbacks: Callbacks, { deadline, spread }: ShutdownPace) {
    this.#host = host
    this.#callbacks = callbacks
    this.#forget = callbacks.onChange(() => this.left())
    this.#spread = spread
    this.#startedAt = host.now()
    this.#waiting = [...host.channels()].reverse()
    this.#total = this.#waiting.length
    this.done = new Promise((resolve) => {
      this.#settle = resolve
    })
    // not unref'd: the process stays until the callbacks have run
    this.#deadline = timers.setTimeout(() => this.#end(), deadline)
  }

  start(): void {
    if (this.#spread > 0) this.#turns = timers.setInterval(() => this.#closeDue(), TURN_INTERVAL)
    this.#closeDue()
    this.left()
  }

  /** A handshake was under way: Socket.IO has to see the connection open before it sees it close. */
  joined(channel: Channel): void {
    timers.setImmediate(() => channel.retire(this.#host.now()))
  }

  /** Waits for the callbacks about clients that have left; for their promises until the deadline. */
  left(): void {
    const { scheduled, running } = this.#callbacks
    if (this.#host.gone && scheduled === 0 && (running === 0 || this.#late)) this.stop()
  }

  stop(): void {
    if (this.#settled) return
    this.#settled = true
    this.#forget()
    timers.clearInterval(this.#turns)
    timers.clearTimeout(this.#deadline)
    this.#settle()
  }

  #closeDue(): void {
    const now = this.#host.now()
    const share = this.#spread > 0 ? Math.min(1, (now - this.#startedAt) / this.#spread) : 1
    const left = this.#total - Math.ceil(this.#total * share)
    while (this.#waiting.length > left) this.#waiting.pop()!.retire(now)
    if (this.#waiting.length === 0) timers.clearInterval(this.#turns)
  }

  #end(): void {
    timers.clearInterval(this.#turns)
    this.#deadline = timers.setTimeout(() => this.stop(), LAST_WAIT)
    this.#late = true
    this.#host.terminateAll()
    this.left()
  }
}
