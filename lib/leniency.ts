import type { Millis } from './units.ts'

/** How many addresses are remembered. */
const MOST = 1000
/** So long after its latest closing an address is forgotten. */
const MEMORY: Millis = 600_000
/** A client that is closed so soon is closed for what it was sent on connecting. */
export const ON_CONNECTING: Millis = 60_000
/** 32 times as long as the others. */
const MOST_DOUBLINGS = 5

/**
 * Remembers by address who was closed for what it was sent on connecting: whoever comes back is sent
 * the same again, and is given twice as long to take it, each time. So nobody is closed and comes
 * back for ever.
 */
export class Leniency {
  readonly #closings = new Map<string, { count: number; at: Millis }>()

  /** How many addresses are remembered. */
  get size(): number {
    return this.#closings.size
  }

  /** How many times as long as others a client of this address is given. */
  factor(address: string | undefined, now: Millis): number {
    const closings = this.#closings.get(address ?? UNKNOWN)
    if (!closings || now - closings.at > MEMORY) return 1
    return 2 ** Math.min(closings.count, MOST_DOUBLINGS)
  }

  /**
   * A client was closed for what was buffered for it.
   *
   * @returns whether it is the first of its address
   */
  closed(address = UNKNOWN, connectedFor: Millis, now: Millis): boolean {
    const known = this.#closings.get(address)
    const isRemembered = known !== undefined && now - known.at <= MEMORY
    const isSoon = connectedFor < ON_CONNECTING
    if (!isSoon && !isRemembered) return false
    // another one, that has not come back
    if (isRemembered && now - connectedFor < known.at) return false
    // the latest are last
    this.#closings.delete(address)
    this.#closings.set(address, {
      count: (isRemembered ? known.count : 0) + (isSoon ? 1 : 0),
      at: now,
    })
    if (this.#closings.size > MOST) {
      for (const oldest of this.#closings.keys()) {
        this.#closings.delete(oldest)
        break
      }
    }
    return !isRemembered
  }
}

/** Of transports that do not know it. */
const UNKNOWN = ''
