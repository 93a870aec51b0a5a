import type { Limits } from '../base/limits.ts'
import type { Bytes } from '../base/units.ts'
import { HeldBytes } from '../message/held-bytes.ts'

/** So many times the budget may be held: above that, clients are closed until it is no more. */
const MOST = 1.5
/**
 * The budget is divided into so many equal steps. Above the budget, `low` and `high` shrink by whole
 * steps, so that they are not reckoned anew for every message; and after clients were closed, one
 * step more may be held before others are looked for.
 */
const STEPS = 64

/**
 * What the process may hold for all its clients together. Above it each client's share of it
 * shrinks in proportion.
 */
export class Budget {
  readonly bytes: Bytes
  readonly heldBytes = new HeldBytes()
  #shrunk: { readonly from: Limits; readonly steps: number; readonly to: Limits } | undefined

  /**
   * Bytes held above which clients are closed at once, and not with the next sweep: MOST times the
   * budget, or one step more than was held after the latest search for clients to close, if that is
   * more. Without it, every message would lead to another search while nobody can be closed.
   */
  #bearable: Bytes

  constructor(bytes: Bytes) {
    this.bytes = bytes
    this.#bearable = MOST * bytes
  }

  get isExceeded(): boolean {
    return this.heldBytes.bytes > this.bytes
  }

  /** Bytes above the most that is held before clients are closed. */
  get excess(): Bytes {
    return Math.max(0, this.heldBytes.bytes - MOST * this.bytes)
  }

  /** Whether so much has come since clients were last closed that more have to go at once. */
  get isOverfull(): boolean {
    return this.heldBytes.bytes > this.#bearable
  }

  /** Clients were closed, or nobody could be. */
  relieved(): void {
    this.#bearable = Math.max(MOST * this.bytes, this.heldBytes.bytes + this.bytes / STEPS)
  }

  /** The limits in force. */
  applyTo(limits: Limits): Limits {
    if (!this.isExceeded) return limits
    const steps = Math.ceil((this.heldBytes.bytes / this.bytes) * STEPS)
    if (this.#shrunk?.from !== limits || this.#shrunk.steps !== steps) {
      const share = STEPS / steps
      // what a path carries soon is memory, too
      const to = { ...limits, low: limits.low * share, high: limits.high * share, horizon: 0 }
      this.#shrunk = { from: limits, steps, to }
    }
    return this.#shrunk.to
  }
}
