import type { Millis } from '../base/units.ts'
import { hasComeBack, RecentClosings } from '../telemetry/recent-closings.ts'

/** Doubled each time, up to 40 s. */
const FIRST_HOLD: Millis = 5000
const MOST_DOUBLINGS = 3

/**
 * Remembers whose clients were closed for the budget, one after the other, for what they were sent on
 * connecting: that is more than the process can hold, so the next ones have to wait, each time twice
 * as long.
 */
export class ReconnectHolds {
  readonly #closings = new RecentClosings<{
    readonly count: number
    readonly at: Millis
    readonly until: Millis
  }>()

  /** How many are remembered. */
  get size(): number {
    return this.#closings.size
  }

  /** @returns for how long whoever this is has to wait; 0 if not */
  left(who: string, now: Millis): Millis {
    return Math.max(0, (this.#closings.of(who, now)?.until ?? now) - now)
  }

  /**
   * A client was closed. The first time may be somebody else's doing; so may be each for which nobody
   * has come back.
   *
   * @returns whether the next one has to wait, for the first time
   */
  closed(who: string, connectedFor: Millis, now: Millis): boolean {
    const known = this.#closings.of(who, now)
    if (known && !hasComeBack(known, connectedFor, now)) return false
    const count = (known?.count ?? 0) + 1
    const hold = count > 1 ? FIRST_HOLD * 2 ** Math.min(count - 2, MOST_DOUBLINGS) : 0
    this.#closings.set(who, { count, at: now, until: now + hold })
    return count === 2
  }
}
