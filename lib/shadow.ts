import type { Limits } from './limits.ts'
import type { Bytes } from './units.ts'

/**
 * What would be buffered for a client that is sent everything, had it been sent only what mode
 * enforce lets through: its real backlog never shrinks by what would have been shed. It takes as
 * many bytes as it does now.
 */
export class Shadow {
  buffered: Bytes = 0
  #delivered: Bytes = 0
  #congested = false

  /** @param delivered bytes that the client is known to have received so far */
  advance(delivered: Bytes, { low }: Limits): void {
    this.buffered = Math.max(0, this.buffered - Math.max(0, delivered - this.#delivered))
    this.#delivered = delivered
    if (this.buffered < low) this.#congested = false
  }

  /** Whether a cosmetic message of so many bytes would be dropped, or another in its place. */
  drops(bytes: Bytes, { low, high }: Limits): boolean {
    if (this.buffered + bytes > high && this.buffered > low) this.#congested = true
    return this.#congested
  }

  /** It would have been sent, or would wait. */
  admit(bytes: Bytes): void {
    this.buffered += bytes
  }
}
