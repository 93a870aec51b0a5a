import type { AdapterFault, ClosingCode, RefusalReason } from './base/outcomes.ts'
import type { Bytes } from './base/units.ts'
import type { Rule } from './message/rule.ts'
import type { Parts } from './parts.ts'

/** What the metrics, the totals and the specs read of an attached server. */
export class Readings {
  readonly #parts: Parts

  constructor(parts: Parts) {
    this.#parts = parts
  }

  get connected(): number {
    return this.#parts.clients.size
  }

  get congested(): number {
    return this.#parts.clients.congestedNow
  }

  get meters() {
    return this.#parts.clients.meters
  }

  /** All clients, counted in the latest lap. */
  get census() {
    return this.#parts.clients.census.latest
  }

  get fanout() {
    return this.#parts.clients.scheduler
  }

  get validation() {
    return this.#parts.classifier.validation
  }

  get budget(): { readonly limit: Bytes; readonly held: Bytes } {
    const { bytes, heldBytes } = this.#parts.clients.budget
    return { limit: bytes, held: heldBytes.bytes }
  }

  /** How many clients are in each state now. O(clients). */
  get states() {
    return this.#parts.clients.reads.states
  }

  /** Bytes buffered for all clients. O(waiting clients). */
  get buffered(): Bytes {
    return this.#parts.clients.reads.buffered
  }

  /** Clients for which something waits. */
  get waiting(): number {
    return this.#parts.clients.watched.size
  }

  /** What is kept for clients: all of it is 0 when everyone has gone. */
  get sizes() {
    return this.#parts.clients.sizes
  }

  /** How many clients were closed, by code. */
  get closings(): Readonly<Record<ClosingCode, number>> {
    return this.#parts.clients.history.counts
  }

  /** How many new clients were refused, by reason. */
  get refusals(): Readonly<Record<RefusalReason, number>> {
    return this.#parts.admission.refused
  }

  /** How often something went wrong between the nodes, by kind. */
  get adapterFaults(): Readonly<Record<AdapterFault, number>> {
    return this.#parts.adapters.faults
  }

  rules(): Iterable<Rule> {
    return this.#parts.classifier.rules()
  }
}
