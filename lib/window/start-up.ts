import type { Bytes, BytesPerMilli, Millis } from '../base/units.ts'

/** Bytes that a packet carries. */
export const PACKET: Bytes = 1448

/** May be in flight at first. */
export const START: Bytes = 8 * 1024

/**
 * How the first rate of a path is found. Two things tell that what is in flight is what answers wait
 * for, and not noise or a small window:
 * - they come as evenly as a bottleneck lets bytes through;
 * - a round trip with several times as much in flight has carried hardly more.
 *
 * Until then what may be in flight grows: each round trip it doubles, and at once as far as the time
 * between two answers shows that the path carries it.
 */
export class StartUp {
  /** Bytes that may be in flight. */
  allowed: Bytes
  /** So many might be at first. */
  readonly #first: Bytes
  readonly #most: Bytes
  /** So much, as long as answers come evenly: it may be the rate. */
  #held: Bytes = Number.POSITIVE_INFINITY
  /** Answers with less between them came at one instant. */
  readonly #instant: Millis
  readonly #resolution: Millis
  /** The latest answers, as long as they came evenly. */
  #evenBytes: Bytes = 0
  #evenBusy: Millis = 0
  /** Bytes whose answers came at one instant. */
  #together: Bytes = 0
  /** What was written since then is answered in the round trip after this one. */
  #roundAt: Millis = Number.NEGATIVE_INFINITY
  #roundStart: Bytes
  /** Whether something waited in it. */
  #roundLimited = false
  #limitedRounds = 0
  #answers = 0
  /** The most that was carried in it, and what was in flight then. */
  #carried: BytesPerMilli = 0
  #ahead: Bytes = 0
  /** The same of a round trip before, with less in flight. */
  #carriedBefore: BytesPerMilli = 0
  #aheadBefore: Bytes = 0
  /** The longest one with no more in flight than at first. */
  #firstRtt: Millis = 0

  /**
   * @param first bytes that may be in flight at first
   * @param most and at last
   */
  constructor(resolution: Millis, first = START, most: Bytes = Number.POSITIVE_INFINITY) {
    this.#most = most
    this.#resolution = resolution
    this.#instant = INSTANT * resolution
    this.#first = first
    this.allowed = first
    this.#roundStart = first
  }

  /** Bytes that may be in flight now. */
  get mayBeInFlight(): Bytes {
    return this.mayBeSlow ? Math.max(HELD, this.#held) : this.allowed
  }

  /** Whether answers have come as evenly as those of a slow path would. */
  get mayBeSlow(): boolean {
    return this.allowed === this.#first && this.#held < START && this.#answers <= FIRST_ANSWERS
  }

  /** @returns the rate, once it is found */
  answered(answer: Answer, base: Millis, queue: Millis): BytesPerMilli | undefined {
    const { limited, ahead, rtt, since, now } = answer
    this.#answers++
    const carried = ahead / Math.max(rtt, this.#instant)
    const even = this.#evenRate(answer, queue)
    this.#held =
      this.#evenBytes > 0
        ? (this.#evenBytes / this.#evenBusy) * (base + queue)
        : Number.POSITIVE_INFINITY
    if (limited && even !== undefined && even * PLAUSIBLE * rtt + PACKET > ahead) return even
    if (this.allowed === this.#first) this.#firstRtt = Math.max(this.#firstRtt, rtt)
    if (carried > this.#carried) {
      this.#carried = carried
      this.#ahead = ahead
    }
    this.#roundLimited ||= limited
    const mayGrow = rtt <= LONGER * this.#firstRtt
    if (mayGrow) this.#growWithin(answer, base + queue)
    if (since < this.#roundAt) return undefined
    if (this.#isFull(rtt - base > queue)) return this.#carried
    // that time has passed is no sign of speed
    const mayBeSlow = this.allowed === this.#first && this.#carried * SOON < START
    const isUnclear = mayBeSlow || this.#isKnownEven || this.#roundAt === Number.NEGATIVE_INFINITY
    if (this.#roundLimited && mayGrow && !isUnclear && this.allowed === this.#roundStart) {
      this.allowed = Math.min(2 * this.allowed, this.#most)
    }
    this.#roundAt = now
    this.#roundStart = this.allowed
    this.#roundLimited = false
    this.#carried = 0
    return undefined
  }

  /** Grows as far as the time between this answer and the one before shows that the path carries it. */
  #growWithin({ run, lasted, alone, atOnce, limited }: Answer, span: Millis): void {
    if (!limited) return
    const isAlone = alone && !atOnce
    // written at once, after a rest or not: so much may take longer than answers are late
    const isMost = 2 * run >= this.allowed
    if (isAlone && !isMost) return
    // several messages may end in one packet
    if (lasted < this.#instant && this.#together <= PACKET) return
    const shown = (run / Math.max(lasted, isAlone ? this.#resolution : this.#instant)) * span
    const isEven = this.#isKnownEven
    const next = isEven || isMost ? shown : 2 * this.allowed
    if (next > shown) return
    const most = (isEven && !isAlone ? MOST_EVEN_GROWTH : MOST_GROWTH) * this.#roundStart
    this.allowed = Math.max(this.allowed, Math.min(next, most, this.#most))
  }

  get #isKnownEven(): boolean {
    return this.#evenBytes >= 2 * PACKET
  }

  /** A round trip has ended: whether it carried what the path can. */
  #isFull(hasQueue: boolean): boolean {
    if (!this.#roundLimited) return false
    if (++this.#limitedRounds > MOST_ROUNDS) return true
    const isMore = this.#ahead >= MORE * this.#aheadBefore
    if (!hasQueue || !isMore) return false
    if (this.#aheadBefore > 0 && this.#carried < GROWN * this.#carriedBefore) return true
    this.#aheadBefore = this.#ahead
    this.#carriedBefore = this.#carried
    return false
  }

  #evenRate({ run, lasted, limited }: Answer, shortest: Millis): BytesPerMilli | undefined {
    const isTogether = lasted < this.#instant
    this.#together = isTogether ? this.#together + run : 0
    const isFirst = this.allowed === this.#first && this.#answers <= FIRST_ANSWERS
    if (!limited && !isFirst) return undefined
    if (!this.#isEven(run, lasted, isTogether)) {
      this.#evenBytes = 0
      this.#evenBusy = 0
      if (isTogether) return undefined
    }
    this.#evenBytes += run
    this.#evenBusy += lasted
    // a message that is all that may be in flight has none to be compared with
    const isEnough = this.#evenBytes >= EVEN_PACKETS * PACKET || run >= this.allowed
    if (!isEnough || this.#evenBusy < shortest) return undefined
    return this.#evenBytes / this.#evenBusy
  }

  /** A message ends somewhere in a packet, and several may end in one. */
  #isEven(run: Bytes, lasted: Millis, isTogether: boolean): boolean {
    if (isTogether) return this.#together <= PACKET
    if (this.#evenBytes === 0) return true
    const carried = (lasted * this.#evenBytes) / this.#evenBusy
    return carried > (run - 1.25 * PACKET) / EVEN && carried < (run + PACKET) * EVEN
  }
}

/** What the answer of a marker tells. */
export interface Answer {
  readonly now: Millis
  readonly rtt: Millis
  /** Bytes that it proves, written since `since` without a pause. */
  readonly run: Bytes
  readonly since: Millis
  /** How long the path may have been busy with them. */
  readonly lasted: Millis
  /** In flight when the marker was written. */
  readonly ahead: Bytes
  /** The path had carried everything before them. */
  readonly alone: boolean
  /** Something waited behind them. */
  readonly limited: boolean
  /** They are all that may be in flight at a time, as the response to a poll is. */
  readonly atOnce: boolean
}

/** Of answers that come evenly, one takes so many times as long as the mean of the others at most, but for a packet. */
const EVEN = 1.2
/** So many packets, in which messages end somewhere, have to come evenly. */
const EVEN_PACKETS = 5
/** A rate can't be lower than what was carried in a round trip, which is known to one message. */
const PLAUSIBLE = 1.1
/** Share of the resolution. */
const INSTANT = 0.04
/** In a round trip what may be in flight grows so many times, as answers at one instant may be noise. */
const MOST_GROWTH = 8
const MOST_EVEN_GROWTH = 64
/** Answers that take so many times as long as at first wait for what is in flight. */
const LONGER = 1.5
/** With so many times as much in flight, a path that is not full carries so many times as much. */
const MORE = 4
const GROWN = 2
/** While answers come evenly, so much may be in flight. */
const HELD: Bytes = 2500
/** A slow path has shown its rate by then. */
const FIRST_ANSWERS = 16
/** A path that carries what may be in flight at first in this time is not slow. */
const SOON: Millis = 250
/** After so many round trips in which something waited, what they carried is the rate. */
const MOST_ROUNDS = 12
