import type { Limits } from '../base/limits.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import { highNow, lowNow } from '../window/congestion.ts'
import type { DeliveryWindow } from '../window/delivery-window.ts'

/**
 * What would be buffered for a client that is sent everything, had it been sent only what mode
 * enforce lets through: its real backlog never shrinks by what would have been shed. It takes as
 * many bytes as it does now.
 */
export class ObservedBacklog {
  buffered: Bytes = 0
  #delivered: Bytes = 0
  #congested = false
  /** Of that, what is cosmetic, ascending by rank; the rest is critical. */
  readonly #backlogs: RankBacklog[] = []

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
    this.#deliver(Math.min(this.buffered, Math.max(0, delivered - this.#delivered)))
    this.#delivered = delivered
    if (!this.#congested) return
    const low = lowNow(limits, window, this.#waited(real, window, now), now)
    if (this.buffered < low) this.#congested = false
  }

  /** Bytes that would leave before a cosmetic message of this rank that comes now. */
  ahead(rank: number): Bytes {
    let bytes = this.buffered
    for (const each of this.#backlogs) if (each.rank < rank) bytes -= each.bytes
    return bytes
  }

  /**
   * Whether mode `enforce` would shed a cosmetic message that comes now; otherwise it counts as
   * buffered.
   *
   * @param real bytes that are buffered for the client
   * @param pathDelay how long the path needs for them
   */
  sheds(
    envelope: Envelope,
    real: Bytes,
    pathDelay: Millis,
    window: DeliveryWindow,
    limits: Limits,
    now: Millis,
  ): boolean {
    if (envelope.isReplay) return true
    const { rank } = envelope.rule
    const share = Math.min(1, this.ahead(rank) / Math.max(1, real))
    const isLate = envelope.expired(now + share * pathDelay, limits.maxAge)
    return isLate || this.drops(envelope.bytes, rank, real, window, limits, now)
  }

  /**
   * A cosmetic message of so many bytes comes.
   *
   * @returns whether one is to be counted as dropped: it, or another of its rank in its place, be it
   *   that it was dropped for a higher rank before
   */
  drops(
    bytes: Bytes,
    rank: number,
    real: Bytes,
    window: DeliveryWindow,
    limits: Limits,
    now: Millis,
  ): boolean {
    const isCongested = this.#isCongestedBy(bytes, real, window, limits, now)
    if (isCongested && !this.#evict(bytes, rank)) return true
    this.buffered += bytes
    const backlog = this.#backlogOf(rank)
    backlog.bytes += bytes
    if (backlog.uncounted <= 0) return false
    backlog.uncounted -= bytes
    return true
  }

  #isCongestedBy(
    bytes: Bytes,
    real: Bytes,
    window: DeliveryWindow,
    limits: Limits,
    now: Millis,
  ): boolean {
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

  /** A critical message would have been sent, or would wait. */
  admit(bytes: Bytes): void {
    this.buffered += bytes
  }

  /** What is critical leaves first, then the highest rank. */
  #deliver(bytes: Bytes): void {
    let left = bytes - this.ahead(Number.POSITIVE_INFINITY)
    this.buffered -= bytes
    for (let index = this.#backlogs.length - 1; index >= 0 && left > 0; index--) {
      const backlog = this.#backlogs[index]!
      const share = Math.min(left, backlog.bytes)
      backlog.bytes -= share
      left -= share
    }
  }

  /** Makes room in the backlog of lower ranks. @returns whether it is enough */
  #evict(bytes: Bytes, rank: number): boolean {
    if (this.buffered - this.ahead(rank) < bytes) return false
    let left = bytes
    for (const backlog of this.#backlogs) {
      const share = Math.min(left, backlog.bytes)
      backlog.bytes -= share
      backlog.uncounted += share
      left -= share
    }
    this.buffered -= bytes
    return true
  }

  #backlogOf(rank: number): RankBacklog {
    let index = 0
    for (const each of this.#backlogs) {
      if (each.rank === rank) return each
      if (each.rank > rank) break
      index++
    }
    const made = { rank, bytes: 0, uncounted: 0 }
    this.#backlogs.splice(index, 0, made)
    return made
  }
}

interface RankBacklog {
  readonly rank: number
  bytes: Bytes
  /** Bytes dropped for higher ranks; negative if more was counted for them, since messages are whole. */
  uncounted: Bytes
}
