import type { Clock } from '../base/clock.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'

/** Interval of the probes, for which a busy loop is late. */
const PROBE_INTERVAL: Millis = 20
/** Time constant of the average: a broadcast of 100 ms twice a second makes 25 ms. */
const SMOOTHING: Millis = 500
/** A block of whatever length is forgotten after `SMOOTHING * ln(2 * 10)`, 1.5 s. */
const MOST_THRESHOLDS = 10

/**
 * Whether the event loop is late: above a threshold, and not below half of it since. What is
 * averaged is how late a timer is, and a timer that is overdue counts while it still waits: one long
 * turn of the loop, as thousands of connects make it, is noticed before it has ended.
 */
export class LoopOverload {
  readonly #threshold: Millis
  readonly #clock: Clock
  #smoothed: Millis = 0
  #probedAt: Millis
  #late = false
  #timer: NodeJS.Timeout | undefined

  constructor(threshold: Millis, clock: Clock) {
    this.#threshold = threshold
    this.#clock = clock
    this.#probedAt = clock.now()
  }

  start(): void {
    this.#probedAt = this.#clock.now()
    this.#timer = timers
      .setTimeout(() => {
        this.probe()
        this.#timer?.refresh()
      }, PROBE_INTERVAL)
      .unref()
  }

  close(): void {
    timers.clearTimeout(this.#timer)
  }

  /** The timer has fired. */
  probe(): void {
    const now = this.#clock.now()
    this.#smoothed = this.#average(now)
    this.#probedAt = now
    this.#judge(this.#smoothed)
  }

  get late(): boolean {
    const now = this.#clock.now()
    // a span that has just begun would count as on time otherwise
    if (now - this.#probedAt > PROBE_INTERVAL) this.#judge(this.#average(now))
    return this.#late
  }

  /** The average if the timer fired now. */
  #average(now: Millis): Millis {
    const span = now - this.#probedAt
    const sample = Math.min(Math.max(0, span - PROBE_INTERVAL), MOST_THRESHOLDS * this.#threshold)
    return sample + (this.#smoothed - sample) * Math.exp(-span / SMOOTHING)
  }

  #judge(average: Millis): void {
    if (average >= this.#threshold) this.#late = true
    else if (average < this.#threshold / 2) this.#late = false
  }
}
