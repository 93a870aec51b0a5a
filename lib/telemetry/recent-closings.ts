import type { Millis } from '../base/units.ts'

/** How many are remembered. */
const MOST = 1000
/** So long after the latest closing it is forgotten. */
const MEMORY: Millis = 600_000

interface Closing {
  /** When the latest client was closed. */
  readonly at: Millis
}

/** What is remembered of those whose clients were closed lately, each by the latest closing. */
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
    // the latest are last
    this.#closings.delete(who)
    this.#closings.set(who, closing)
    if (this.#closings.size <= MOST) return
    for (const oldest of this.#closings.keys()) {
      this.#closings.delete(oldest)
      break
    }
  }
}

/** Whether a client that is closed now has connected after the closing before, and not beside it. */
export function hasComeBack({ at }: Closing, connectedFor: Millis, now: Millis): boolean {
  return now - connectedFor >= at
}
