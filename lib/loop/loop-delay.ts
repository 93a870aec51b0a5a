import type { Clock } from '../base/clock.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'

/**
 * How long what the event loop handles now may have been waiting for it. An answer that the loop
 * was late for says nothing of the client's path.
 *
 * Whatever arrived before the loop last polled has been handled then. So what is handled now has
 * waited no longer than the loop was busy since: the time that it was not idle, as Node counts it.
 */
export class LoopDelay {
  readonly #clock: Clock
  /** When the loop last polled, and its idle time until then. */
  #polledAt: Millis
  #idleTime: Millis
  /** Since when an event handled in this turn may have waited. */
  #since: Millis | undefined

  constructor(clock: Clock) {
    this.#clock = clock
    this.#polledAt = clock.now()
    this.#idleTime = timers.idleTime()
  }

  /** Milliseconds that the loop was not idle, since some instant. */
  get busyTime(): Millis {
    return this.#clock.now() - timers.idleTime()
  }

  /** Upper bound in milliseconds; valid while the loop handles polled events. */
  at(now: Millis): Millis {
    if (this.#since === undefined) {
      const idle = timers.idleTime() - this.#idleTime
      this.#since = Math.min(now, this.#polledAt + idle)
      timers.setImmediate(this.#onPolled)
    }
    return now - this.#since
  }

  /** Immediates follow the poll. */
  readonly #onPolled = (): void => {
    this.#polledAt = this.#clock.now()
    this.#idleTime = timers.idleTime()
    this.#since = undefined
  }
}
