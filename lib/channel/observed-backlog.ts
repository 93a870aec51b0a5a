import type { Limits } from '../base/limits.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import { highNow, lowNow } from '../window/congestion.ts'
import type { DeliveryWindow } from '../window/delivery-window.ts'

/**
 * The backlog that a client would have in mode `enforce`, reckoned in mode `observe`: without the
 * messages that `enforce` would have shed, and delivered at the real rate.
 */
export class ObservedBacklog {
  buffered: Bytes = 0
  #delivered: Bytes = 0
  #congested = false
  /** The cosmetic part of `buffered`, ascending by rank; the rest is critical. */
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
   * Admits a cosmetic message, or drops one.
   *
   * @returns whether a message of this rank counts as dropped: this one, or an earlier one that made
   *   room for a higher rank
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

  /** How long the bytes ahead have been under way, less the share that `enforce` would have shed. */
  #waited(real: Bytes, window: DeliveryWindow, now: Millis): Millis {
    return Math.min(1, this.buffered / Math.max(1, real)) * window.unprovenFor(now)
  }

  /** Adds a critical message, which is always admitted. */
  admit(bytes: Bytes): void {
    this.buffered += bytes
  }

  /** Removes delivered bytes: critical ones first, then the highest rank. */
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

  /** Drops bytes of lower ranks. @returns whether that makes enough room */
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
