import type { Limits } from '../base/limits.ts'
import type { Millis } from '../base/units.ts'
import { hasComeBack, RecentClosings } from '../telemetry/recent-closings.ts'

/** A client closed so soon after its connect was closed for what it was sent on connecting. */
export const ON_CONNECTING: Millis = 60_000
/** The longest time is 32 times that of other clients. */
const MOST_DOUBLINGS = 5

/**
 * Gives clients more time that were closed for what they were sent on connecting. Such a client comes
 * back and is sent the same again, so it would be closed for ever; each time its address is given
 * twice as long before it counts as stalled.
 */
export class Leniency {
  readonly #closings = new RecentClosings<{ readonly count: number; readonly at: Millis }>()

  /** How many times as long as others a client is given, of those that are given longer. */
  readonly #factors = new Map<object, number>()

  /** How many clients are given longer. */
  get clients(): number {
    return this.#factors.size
  }

  /** A client has connected. */
  joined(client: object, address: string | undefined, now: Millis): void {
    const factor = this.factor(address, now)
    if (factor > 1) this.#factors.set(client, factor)
  }

  /** The limits of one client: `stallAfter` is longer for those that are given longer. */
  limitsFor(client: object, limits: Limits): Limits {
    const factor = this.#factors.get(client)
    return factor === undefined ? limits : { ...limits, stallAfter: factor * limits.stallAfter }
  }

  /** A client has taken everything: later than a minute after its connect it is as any other. */
  caughtUp(client: object, connectedAt: Millis, now: Millis): void {
    if (now - connectedAt > ON_CONNECTING) this.#factors.delete(client)
  }

  /** A client has gone. */
  left(client: object): void {
    this.#factors.delete(client)
  }

  /** Forgets the clients, but not the addresses. */
  forgetClients(): void {
    this.#factors.clear()
  }

  /** Number of addresses that are remembered. */
  get size(): number {
    return this.#closings.size
  }

  /** How many times as long as others a client of this address is given. */
  factor(address: string | undefined, now: Millis): number {
    const count = this.#closings.of(address ?? UNKNOWN, now)?.count ?? 0
    return 2 ** Math.min(count, MOST_DOUBLINGS)
  }

  /**
   * A client was closed for what was buffered for it.
   *
   * @returns whether it is the first of its address
   */
  closed(address = UNKNOWN, connectedFor: Millis, now: Millis): boolean {
    const known = this.#closings.of(address, now)
    const isSoon = connectedFor < ON_CONNECTING
    if (!isSoon && !known) return false
    if (known && !hasComeBack(known, connectedFor, now)) return false
    this.#closings.set(address, { count: (known?.count ?? 0) + (isSoon ? 1 : 0), at: now })
    return known === undefined
  }
}

/** The address of clients whose transport does not know one. */
const UNKNOWN = ''
