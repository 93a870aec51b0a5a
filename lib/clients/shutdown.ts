import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import type { Callbacks } from '../telemetry/callbacks.ts'

/** What a shutdown needs from the clients. */
export interface ShutdownHost {
  channels(): Iterable<Channel>
  /** Whether there is nobody, and no kernel socket of anybody. */
  readonly gone: boolean
  /** Closes everyone who is left at once. */
  terminateAll(): void
  now(): Millis
}

/** Who is told who comes and goes meanwhile. */
export interface Departures {
  joined(channel: Channel): void
  left(): void
}

export interface ShutdownPace {
  /** For everything; who is left then is terminated. */
  readonly deadline: Millis
  /** Over which the clients' turns to close are spread. */
  readonly spread: Millis
}

/** Between two turns of a shutdown that is spread. */
const TURN_INTERVAL: Millis = 20
/** For Node to report that terminated connections are gone. */
const LAST_WAIT: Millis = 1000

/**
 * Closes every client once it has been sent what is critical, one after the other as far as they are
 * spread, and whoever is left at the deadline. A client whose turn has not come is served as ever.
 */
export class Shutdown implements Departures {
  /** Settles when everyone is gone and the application was told of it; never rejects. */
  readonly done: Promise<void>
  readonly #host: ShutdownHost
  readonly #callbacks: Callbacks
  readonly #forget: () => void
  readonly #spread: Millis
  readonly #startedAt: Millis
  /** Those whose turn is still to come, from last to first. */
  readonly #waiting: Channel[]
  readonly #total: number
  #turns: NodeJS.Timeout | undefined
  #deadline: NodeJS.Timeout | undefined
  #settle!: () => void
  #settled = false
  /** The deadline is over. */
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
    // not unref'd: what is left to be told keeps the process
    this.#deadline = timers.setTimeout(() => this.#end(), deadline)
  }

  start(): void {
    if (this.#spread > 0) this.#turns = timers.setInterval(() => this.#closeDue(), TURN_INTERVAL)
    this.#closeDue()
    this.left()
  }

  /** A handshake was under way. Socket.IO has to see the connection open before it sees it close. */
  joined(channel: Channel): void {
    timers.setImmediate(() => channel.retire(this.#host.now()))
  }

  /** What the application is told of those who leave is waited for, its promises until the deadline. */
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
