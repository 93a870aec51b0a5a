import type { Limits } from '../base/limits.ts'
import type { Bytes } from '../base/units.ts'
import { HeldBytes } from '../message/held-bytes.ts'

/** Above so many times the budget, clients are closed until less is held. */
const MOST = 1.5
/**
 * Steps in a budget. Above the budget, `low` and `high` shrink by whole steps, so that most messages
 * need no new calculation; after a search for clients to close, one step more may be held before the
 * next search.
 */
const STEPS = 64

/**
 * The bytes of memory that the process may hold for all its clients together. Above the budget, the
 * watermarks of all clients shrink in proportion.
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

  /** Bytes that closing clients has to free. */
  get excess(): Bytes {
    return Math.max(0, this.heldBytes.bytes - MOST * this.bytes)
  }

  /** Whether clients have to be closed at once, and not with the next sweep. */
  get isOverfull(): boolean {
    return this.heldBytes.bytes > this.#bearable
  }

  /** A search for clients to close has ended. */
  relieved(): void {
    this.#bearable = Math.max(MOST * this.bytes, this.heldBytes.bytes + this.bytes / STEPS)
  }

  /** The limits in force. */
  applyTo(limits: Limits): Limits {
    if (!this.isExceeded) return limits
    const steps = Math.ceil((this.heldBytes.bytes / this.bytes) * STEPS)
    if (this.#shrunk?.from !== limits || this.#shrunk.steps !== steps) {
      const share = STEPS / steps
      // bytes on their way on a fast path take memory, too
      const to = { ...limits, low: limits.low * share, high: limits.high * share, horizon: 0 }
      this.#shrunk = { from: limits, steps, to }
    }
    return this.#shrunk.to
  }
}
