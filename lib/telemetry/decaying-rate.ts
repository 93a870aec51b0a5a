import type { Millis } from '../base/units.ts'

/** How often something happened, and how often lately: a mean that forgets exponentially. */
export class DecayingRate {
  count = 0
  /** Events, each weighted by how long ago it was. */
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
/** After this time an event counts for a third. */
const MEMORY: Millis = 3 * MINUTE
