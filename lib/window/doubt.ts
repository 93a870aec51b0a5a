import type { Bytes, BytesPerMilli, Millis } from '../base/units.ts'
import { PACKET } from './start-up.ts'

/**
 * Decides, when answers have become later, whether the path carries less or has become longer. If it
 * carries less, a marker is late because of the bytes in flight before it. So cosmetic messages wait
 * until few bytes are in flight, and a marker is written then: if its answer is late nevertheless, the
 * path has become longer. BBR drains a path likewise to measure its round trip
 * (draft-cardwell-iccrg-bbr-congestion-control-02 section 4.3.4), but every ten seconds, without a
 * reason in the answers.
 */
export class Doubt {
  /** When the first late answer came. */
  readonly since: Millis
  /** The noise of the path before the doubt arose. */
  readonly noise: Millis
  /** The rate that the path carries at least, whichever of the two is true. */
  carried: BytesPerMilli = 0
  #late: Millis = 0
  /** Bytes in flight when answers became late, and how long a slower path was busy with them. */
  #bytes: Bytes = 0
  #busy: Millis = 0
  /** When the deciding marker was written, the bytes in flight then, and how many a slower path had left. */
  #askedAt: Millis = Number.POSITIVE_INFINITY
  #inFlight: Bytes = 0
  #ahead: Bytes = 0

  constructor(since: Millis, noise: Millis) {
    this.since = since
    this.noise = noise
  }

  /** The rate of the path if it carries less and is no longer; 0 while that is unknown. */
  get slower(): BytesPerMilli {
    // several messages may end in one packet
    return this.#busy > 0 && this.#bytes > PACKET ? (this.#bytes - PACKET) / this.#busy : 0
  }

  /** Counts bytes, proven now, that were written before the doubt arose. */
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

  /** Whether the deciding marker was written and has no answer yet. */
  get isAsked(): boolean {
    return this.#askedAt < Number.POSITIVE_INFINITY
  }

  /** Whether a marker behind so many bytes would decide, and should be written. */
  wantsMarker(ahead: Bytes): boolean {
    return !this.isAsked && isUnexplained(this.#late, ahead, this.slower)
  }

  /**
   * A marker is written.
   *
   * @param ahead bytes in flight that a path of the rate `slower` has not carried yet
   */
  marked(inFlight: Bytes, ahead: Bytes, now: Millis): void {
    if (!this.wantsMarker(ahead)) return
    this.#askedAt = now
    this.#inFlight = inFlight
    this.#ahead = ahead
  }
}

/** Whether an answer is later than the bytes before its marker explain on a path of the given rate. */
export function isUnexplained(late: Millis, ahead: Bytes, rate: BytesPerMilli): boolean {
  // a marker may leave in one packet with what follows it, but for one that finds the path idle
  return ahead === 0 || late * rate > EXPLAINED * (ahead + PACKET)
}

/** Bytes explain up to twice the lateness that they should cause, as the rate is known no better. */
const EXPLAINED = 2
