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
  /** Bytes that might be in flight at first. */
  readonly #first: Bytes
  readonly #most: Bytes
  /** Bytes that may be in flight as long as answers come evenly, since that may show the rate. */
  #held: Bytes = Number.POSITIVE_INFINITY
  /** Answers with less time between them count as simultaneous. */
  readonly #instant: Millis
  readonly #resolution: Millis
  /** Bytes and time of the latest answers, as long as they come evenly. */
  #evenBytes: Bytes = 0
  #evenBusy: Millis = 0
  /** Bytes whose answers came simultaneously. */
  #together: Bytes = 0
  /** When this round began: bytes written later are answered in the next round. */
  #roundAt: Millis = Number.NEGATIVE_INFINITY
  #roundStart: Bytes
  /** Whether something waited in this round. */
  #roundLimited = false
  #limitedRounds = 0
  #answers = 0
  /** The highest rate in this round, and the bytes in flight then. */
  #carried: BytesPerMilli = 0
  #ahead: Bytes = 0
  /** The same of an earlier round with less in flight. */
  #carriedBefore: BytesPerMilli = 0
  #aheadBefore: Bytes = 0
  /** The longest round trip with no more in flight than at first. */
  #firstRtt: Millis = 0

  /**
   * @param first bytes that may be in flight at first
   * @param most bytes that may be in flight at all
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

  /** Whether the first answers have come as evenly as those of a slow path. */
  get mayBeSlow(): boolean {
    return this.allowed === this.#first && this.#held < START && this.#answers <= FIRST_ANSWERS
  }

  /** Takes an answer into account. @returns the rate, once it is found */
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
    // a long round trip alone is no sign of speed
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

  /** Raises `allowed` as far as the time between this answer and the one before shows that the path carries it. */
  #growWithin({ run, lasted, alone, atOnce, limited }: Answer, span: Millis): void {
    if (!limited) return
    const isAlone = alone && !atOnce
    // half of all that may be in flight takes longer than an answer is late
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

  /** Whether the round that has ended carried as much as the path can. */
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
    // a message as long as all that may be in flight has no other to be compared with
    const isEnough = this.#evenBytes >= EVEN_PACKETS * PACKET || run >= this.allowed
    if (!isEnough || this.#evenBusy < shortest) return undefined
    return this.#evenBytes / this.#evenBusy
  }

  /** Whether an answer took as long as the mean of the others; messages end anywhere in a packet. */
  #isEven(run: Bytes, lasted: Millis, isTogether: boolean): boolean {
    if (isTogether) return this.#together <= PACKET
    if (this.#evenBytes === 0) return true
    const carried = (lasted * this.#evenBytes) / this.#evenBusy
    return carried > (run - 1.25 * PACKET) / EVEN && carried < (run + PACKET) * EVEN
  }
}

/** An answer, as start-up sees it. */
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

/** Answers come evenly if each takes at most so many times as long as the mean of the others, give or take a packet. */
const EVEN = 1.2
/** Packets that have to come evenly before their rate is believed. */
const EVEN_PACKETS = 5
/** A rate can't be lower than what a round trip has carried, which is known to a tenth. */
const PLAUSIBLE = 1.1
/** Share of the resolution within which answers are simultaneous. */
const INSTANT = 0.04
/** Growth in one round at most, since simultaneous answers may be noise. */
const MOST_GROWTH = 8
const MOST_EVEN_GROWTH = 64
/** A round trip so many times as long as the first ones includes a queue. */
const LONGER = 1.5
/** With MORE times as much in flight, a path that is not full carries GROWN times as much. */
const MORE = 4
const GROWN = 2
/** Bytes that may be in flight at least while answers come evenly. */
const HELD: Bytes = 2500
/** A slow path has shown its rate after so many answers. */
const FIRST_ANSWERS = 16
/** A path that carries what may be in flight at first in this time is not slow. */
const SOON: Millis = 250
/** After so many rounds in which something waited, the highest rate of the latest counts. */
const MOST_ROUNDS = 12
