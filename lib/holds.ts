import type { Millis } from './units.ts'

/** How many are remembered. */
const MOST = 1000
/** So long after the latest closing they are forgotten. */
const MEMORY: Millis = 600_000
/** Doubled each time, up to 40 s. */
const FIRST_HOLD: Millis = 5000
const MOST_DOUBLINGS = 3

/**
 * Remembers whose clients were closed for the budget, one after the other, for what they were sent on
 * connecting: that is more than the process can hold, so the next ones have to wait, each time twice
 * as long.
 */
export class Holds {
  readonly #closings = new Map<string, { count: number; at: Millis; until: Millis }>()

  /** How many are remembered. */
  get size(): number {
    return this.#closings.size
  }

  /** @returns for how long whoever this is has to wait; 0 if not */
  left(who: string, now: Millis): Millis {
    return Math.max(0, (this.#closings.get(who)?.until ?? now) - now)
  }

  /**
   * A client was closed. The first time may be somebody else's doing; so may be each for which nobody
   * has come back.
   *
   * @returns whether the next one has to wait, for the first time
   */
  closed(who: string, connectedFor: Millis, now: Millis): boolean {
    const known = this.#closings.get(who)
    if (known && now - connectedFor < known.at) return false
    const count = known && now - known.at <= MEMORY ? known.count + 1 : 1
    const hold = count > 1 ? FIRST_HOLD * 2 ** Math.min(count - 2, MOST_DOUBLINGS) : 0
    // the latest are last
    this.#closings.delete(who)
    this.#closings.set(who, { count, at: now, until: now + hold })
    if (this.#closings.size > MOST) {
      const [oldest] = this.#closings.keys()
      this.#closings.delete(oldest!)
    }
    return count === 2
  }
}
