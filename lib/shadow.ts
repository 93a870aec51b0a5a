import { highNow, lowNow } from './congestion.ts'
import type { Limits } from './limits.ts'
import type { Bytes, Millis } from './units.ts'
import type { DeliveryWindow } from './window.ts'

/**
 * What would be buffered for a client that is sent everything, had it been sent only what mode
 * enforce lets through: its real backlog never shrinks by what would have been shed. It takes as
 * many bytes as it does now.
 */
export class Shadow {
  buffered: Bytes = 0
  #delivered: Bytes = 0
  #congested = false

  /**
   * @param delivered bytes that the client is known to have received so far
   * @param real bytes that are buffered for it
   */
  advance(
    delivered: Bytes,
    real: Bytes,
    window: DeliveryWindow,
    limits: Limits,
    now: Millis,
  ): void {
    this.buffered = Math.max(0, this.buffered - Math.max(0, delivered - this.#delivered))
    this.#delivered = delivered
    if (!this.#congested) return
    const low = lowNow(limits, window, this.#waited(real, window, now), now)
    if (this.buffered < low) this.#congested = false
  }

  /** Whether a cosmetic message of so many bytes would be dropped, or another in its place. */
  drops(bytes: Bytes, real: Bytes, window: DeliveryWindow, limits: Limits, now: Millis): boolean {
    const total = this.buffered + bytes
    if (this.buffered > limits.low && total > limits.high) {
      const waited = this.#waited(real, window, now)
      if (total > highNow(limits, window, waited, now)) this.#congested = true
    }
    return this.#congested
  }

  /** How long what is ahead has been under way, but for what would not be ahead. */
  #waited(real: Bytes, window: DeliveryWindow, now: Millis): Millis {
    return Math.min(1, this.buffered / Math.max(1, real)) * window.unprovenFor(now)
  }

  /** It would have been sent, or would wait. */
  admit(bytes: Bytes): void {
    this.buffered += bytes
  }
}
