import type { Millis } from '../base/units.ts'

/** Counts events and estimates their recent rate by an exponentially decaying mean. */
export class DecayingRate {
  count = 0
  /** Number of events, each weighted by its age. */
  #weight = 0
  #at: Millis = 0

  record(now: Millis): void {
    this.count++
    this.#weight = this.#weightAt(now) + 1
    this.#at = now
  }

  perMinute(now: Millis): number {
    return (this.#weightAt(now) * MINUTE) / MEMORY
  }

  #weightAt(now: Millis): number {
    return this.#weight * Math.exp((this.#at - now) / MEMORY)
  }
}

const MINUTE: Millis = 60_000
/** Time constant: an event of this age counts 1/e. */
const MEMORY: Millis = 3 * MINUTE
