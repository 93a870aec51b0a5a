import type { Bytes, BytesPerMilli, Millis } from '../base/units.ts'
import { PACKET } from './start-up.ts'

/**
 * Answers have become later: the path carries less, or it has become longer. If it carries less, a
 * marker is late by what is in flight before it. So cosmetic messages wait until little is, and the
 * next marker tells: if it is late nevertheless, the path has become longer. BBR lets a path drain
 * likewise to measure its round trip (draft-cardwell-iccrg-bbr-congestion-control-02 section 4.3.4),
 * but every ten seconds, and not because answers give a reason.
 */
export class Doubt {
  /** When the first late answer came. */
  readonly since: Millis
  /** How late an answer might be by itself before. */
  readonly noise: Millis
  /** The path carries at least so much in any case. */
  carried: BytesPerMilli = 0
  #late: Millis = 0
  /** In flight when answers became late, and how long the path was busy with it if it carries less. */
  #bytes: Bytes = 0
  #busy: Millis = 0
  /** When the marker that tells was written; in flight before it, and of that not yet carried at most. */
  #askedAt: Millis = Number.POSITIVE_INFINITY
  #inFlight: Bytes = 0
  #ahead: Bytes = 0

  constructor(since: Millis, noise: Millis) {
    this.since = since
    this.noise = noise
  }

  /** What the path carries at least, if it has not become longer; 0 if that is not known. */
  get slower(): BytesPerMilli {
    // several messages may end in one packet
    return this.#busy > 0 && this.#bytes > PACKET ? (this.#bytes - PACKET) / this.#busy : 0
  }

  /** The answer has proven bytes that were written before the doubt arose. */
  carries(bytes: Bytes, busy: Millis): void {
    const before = this.slower
    this.#bytes += bytes
    this.#busy += Math.max(0, busy)
    if (this.slower < before) this.#ahead = this.#inFlight
  }

  /**
   * A late answer has come.
   *
   * @param at when its marker was written, with `ahead` bytes in flight
   * @param late beyond the round trip so far
   * @returns whether it tells that the path has become longer
   */
  answered(at: Millis, ahead: Bytes, late: Millis, rtt: Millis): boolean {
    this.carried = Math.max(this.carried, ahead / rtt)
    if (at < this.since) this.#late = Math.max(this.#late, late)
    if (at < this.#askedAt) return false
    this.#askedAt = Number.POSITIVE_INFINITY
    return isUnexplained(late, this.#ahead, this.slower)
  }

  /** Whether the answer is awaited that tells. */
  get isAsked(): boolean {
    return this.#askedAt < Number.POSITIVE_INFINITY
  }

  /** Whether a marker should be written that has so many bytes before it. */
  wantsMarker(ahead: Bytes): boolean {
    return !this.isAsked && isUnexplained(this.#late, ahead, this.slower)
  }

  /**
   * A marker is written.
   *
   * @param ahead of what is in flight, what the path has not carried yet, if it carries `slower`
   */
  marked(inFlight: Bytes, ahead: Bytes, now: Millis): void {
    if (!this.wantsMarker(ahead)) return
    this.#askedAt = now
    this.#inFlight = inFlight
    this.#ahead = ahead
  }
}

/** Whether it takes more than the bytes before a marker to make its answer so late, on a path of that rate. */
export function isUnexplained(late: Millis, ahead: Bytes, rate: BytesPerMilli): boolean {
  // a marker may leave in one packet with what follows it, but for one that finds the path idle
  return ahead === 0 || late * rate > EXPLAINED * (ahead + PACKET)
}

/** Bytes explain so many times the lateness that they should cause: the rate is not known any better. */
const EXPLAINED = 2
