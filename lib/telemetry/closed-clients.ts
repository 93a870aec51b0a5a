import type { ClosedClient } from '../../schemas/stats.ts'
import { CLOSING_CODES, CLOSINGS, type ClosingCode } from '../base/outcomes.ts'

/** A ring of the clients closed lately, and the number of all closings by code. */
export class ClosedClients {
  readonly counts: Record<ClosingCode, number>
  readonly #capacity: number
  readonly #ring: ClosedClient[] = []
  #next = 0

  constructor(capacity: number) {
    this.#capacity = capacity
    this.counts = Object.fromEntries(CLOSING_CODES.map((code) => [code, 0])) as Record<
      ClosingCode,
      number
    >
  }

  add(code: ClosingCode, facts: Omit<ClosedClient, 'code' | 'reason'>): ClosedClient {
    const closed: ClosedClient = { ...facts, code, reason: CLOSINGS[code].reason }
    this.counts[code]++
    this.#ring[this.#next] = closed
    this.#next = (this.#next + 1) % this.#capacity
    return closed
  }

  latest(): ClosedClient[] {
    return [...this.#ring.slice(0, this.#next).reverse(), ...this.#ring.slice(this.#next).reverse()]
  }
}
