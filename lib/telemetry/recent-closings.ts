import type { Millis } from '../base/units.ts'

/** Capacity: the oldest entry is evicted. */
const MOST = 1000
/** Age at which an entry expires. */
const MEMORY: Millis = 600_000

interface Closing {
  /** Time of the latest closing. */
  readonly at: Millis
}

/**
 * The latest closing of each user whose clients were closed lately, by a text that identifies the
 * user.
 */
export class RecentClosings<T extends Closing> {
  readonly #closings = new Map<string, T>()

  get size(): number {
    return this.#closings.size
  }

  of(who: string, now: Millis): T | undefined {
    const closing = this.#closings.get(who)
    return closing && now - closing.at <= MEMORY ? closing : undefined
  }

  set(who: string, closing: T): void {
    // reinserting keeps the map ordered by time
    this.#closings.delete(who)
    this.#closings.set(who, closing)
    if (this.#closings.size <= MOST) return
    for (const oldest of this.#closings.keys()) {
      this.#closings.delete(oldest)
      break
    }
  }
}

/**
 * Whether a client that is closed now connected after the previous closing, rather than in
 * parallel.
 */
export function hasComeBack({ at }: Closing, connectedFor: Millis, now: Millis): boolean {
  return now - connectedFor >= at
}
