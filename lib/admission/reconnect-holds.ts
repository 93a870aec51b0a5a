import type { Millis } from '../base/units.ts'
import { hasComeBack, RecentClosings } from '../telemetry/recent-closings.ts'

/** The first waiting time; doubles up to 40 s. */
const FIRST_HOLD: Millis = 5000
const MOST_DOUBLINGS = 3

/**
 * Delays reconnects of users whose clients were repeatedly closed for the byte budget because of what
 * they are sent on connecting. The process can't hold that much, so each next client has to wait twice
 * as long.
 */
export class ReconnectHolds {
  readonly #closings = new RecentClosings<{
    readonly count: number
    readonly at: Millis
    readonly until: Millis
  }>()

  /** Number of users that are remembered. */
  get size(): number {
    return this.#closings.size
  }

  /** @returns how long the user's clients still have to wait; 0 if they don't */
  remaining(who: string, now: Millis): Millis {
    return Math.max(0, (this.#closings.of(who, now)?.until ?? now) - now)
  }

  /**
   * Notes a closing. The first one has no consequence, since other clients may have filled the budget;
   * nor has one of a client that had connected before the previous closing.
   *
   * @returns whether clients of this user have to wait from now on and did not before
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
