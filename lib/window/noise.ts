import type { Bytes, BytesPerMilli, Millis } from '../base/units.ts'
import { PACKET } from './start-up.ts'

/**
 * How late the answers of a path may be by themselves: radio links, and peers that are busy, hold
 * packets back and let them through in bunches.
 *
 * Lateness is how far the path is behind what its rate lets it carry. Lateness that a lower rate
 * would explain stays until the rate is corrected. Noise does not stay: what was late is made up for
 * by what follows, which comes early. So noise is the largest swing of lateness, a rise and the fall
 * after it, by the smaller of the two.
 */
export class Noise {
  // small integers, which V8 stores without heap objects
  #value: Ticks = 0
  /** How far the path is behind. */
  #behind: Ticks = 0
  /** The highest recent lateness, and the lowest before it. */
  #peak: Ticks = 0
  #low: Ticks = 0
  #wasRested = true

  /** How late an answer may be by itself. */
  get value(): Millis {
    return this.#value / TICKS
  }

  /**
   * An answer has proven bytes.
   *
   * @param lasted how long the path may have been busy with them
   * @param rested the path had carried everything before them
   * @param slack of that time, how long they may have been through already
   * @param passed since the answer before
   */
  answered(
    bytes: Bytes,
    lasted: Millis,
    rate: BytesPerMilli,
    rested: boolean,
    slack: Millis,
    passed: Millis,
  ): void {
    // a queue that made the path late before a rest is gone
    if (rested && !this.#wasRested) {
      this.#peak = 0
      this.#low = 0
      this.#behind = 0
    }
    this.#wasRested = rested
    const before = this.#behind
    const behind = (rested ? 0 : before) + ticks(lasted - bytes / rate)
    const late = behind - ticks(slack)
    const kept = Math.exp(-passed / SWING)
    const peak = Math.max(late, before + (((this.#peak - before) * kept) | 0))
    const low = Math.min(late, before + (((this.#low - before) * kept) | 0))
    // a fall to a new low begins the next swing
    const top = low === late ? late : peak
    this.#behind = behind
    this.#peak = top
    this.#low = low
    this.#value = (this.#value * Math.exp(-passed / LIFETIME)) | 0
    const rise = top - low
    const fall = top - late
    // a message ends somewhere in a packet: in its middle, in the mean
    const packet = ticks(PACKET / 2 / rate)
    if (fall >= MADE_UP * rise) this.#grow(Math.min(rise, fall) - packet)
  }

  /** Raises the noise: an answer was so late, and nothing but noise explains it. */
  grow(late: Millis): void {
    this.#grow(ticks(late))
  }

  /** Lowers the noise: so much of the lateness has another explanation, a longer round trip. */
  shrink(late: Millis): void {
    this.#value = Math.max(0, this.#value - ticks(late))
  }

  #grow(late: Ticks): void {
    this.#value = Math.min(MOST * TICKS, Math.max(this.#value, late))
  }
}

/** 1/64 of a millisecond. */
type Ticks = number
const TICKS = 64

function ticks(span: Millis): Ticks {
  return (Math.max(-LONGEST, Math.min(LONGEST, span)) * TICKS) | 0
}

/** Longer spans count as this long. */
const LONGEST: Millis = 60_000
/** Noise makes up for its lateness in about this time. */
const SWING: Millis = 500
/** Time constant with which a noisy path is believed to have become quiet. */
const LIFETIME: Millis = 40_000
/**
 * Least share of a rise of lateness that the fall after it must undo to count as noise. After a drop of
 * the rate, the estimate settles with small swings behind a large rise, and those are no noise.
 */
const MADE_UP = 1 / 3
const MOST: Millis = 1000
