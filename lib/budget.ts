import { Ledger } from './ledger.ts'
import type { Limits } from './limits.ts'
import type { Bytes } from './units.ts'

/** Of the budget: above it clients are closed. */
const MOST = 1.5
/** `high` shrinks in so many steps a budget, so that it is not reckoned anew for every message. */
const STEPS = 64

/**
 * What the process may hold for all its clients together. Above it each client's share of it
 * shrinks in proportion.
 */
export class Budget {
  readonly bytes: Bytes
  readonly ledger = new Ledger()
  #shrunk: { readonly from: Limits; readonly steps: number; readonly to: Limits } | undefined

  #bearable: Bytes

  constructor(bytes: Bytes) {
    this.bytes = bytes
    this.#bearable = MOST * bytes
  }

  get isExceeded(): boolean {
    return this.ledger.bytes > this.bytes
  }

  /** Bytes above the most that is held before clients are closed. */
  get excess(): Bytes {
    return Math.max(0, this.ledger.bytes - MOST * this.bytes)
  }

  /** Whether so much has come since clients were last closed that more have to go at once. */
  get isOverfull(): boolean {
    return this.ledger.bytes > this.#bearable
  }

  /** Clients were closed, or nobody could be. */
  relieved(): void {
    this.#bearable = Math.max(MOST * this.bytes, this.ledger.bytes + this.bytes / STEPS)
  }

  /** The limits in force. */
  applyTo(limits: Limits): Limits {
    if (!this.isExceeded) return limits
    const steps = Math.ceil((this.ledger.bytes / this.bytes) * STEPS)
    if (this.#shrunk?.from !== limits || this.#shrunk.steps !== steps) {
      const share = STEPS / steps
      // what a path carries soon is memory, too
      const to = { ...limits, low: limits.low * share, high: limits.high * share, horizon: 0 }
      this.#shrunk = { from: limits, steps, to }
    }
    return this.#shrunk.to
  }
}
