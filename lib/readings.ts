import type { AdapterFault, ClosingCode, RefusalReason } from './base/outcomes.ts'
import type { Bytes } from './base/units.ts'
import type { Rule } from './message/rule.ts'
import type { Parts } from './parts.ts'

/** Figures of an attached server, for the metrics, the totals and the specs. */
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

  /** Figures of all clients, as counted in the latest lap of the census. */
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

  /** Number of clients with messages queued or in flight, or with recently shed ones. */
  get waiting(): number {
    return this.#parts.clients.watched.size
  }

  /** Sizes of all collections of clients: 0 each when all clients have gone. */
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

  /** Number of faults between the nodes of a cluster, by kind. */
  get adapterFaults(): Readonly<Record<AdapterFault, number>> {
    return this.#parts.adapters.faults
  }

  rules(): Iterable<Rule> {
    return this.#parts.classifier.rules()
  }
}
