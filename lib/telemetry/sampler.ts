import type { Millis } from '../base/units.ts'

const SECOND: Millis = 1000

/**
 * Selects about `perSecond` items a second out of a stream, each with the same probability; all items
 * of a slower stream. The probability follows the stream's rate in the previous second.
 */
export class Sampler {
  readonly #perSecond: number
  #since: Millis = Number.NEGATIVE_INFINITY
  #passed = 0
  #selected = 0
  /** Reciprocal of the probability: one in so many items is selected. */
  #every = 1
  #state = 1

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  take(now: Millis): boolean {
    if (now - this.#since >= SECOND) this.#adapt(now)
    this.#passed++
    // bounds the samples of a second in which the rate jumps
    if (this.#selected >= 2 * this.#perSecond || !this.#drawn) return false
    this.#selected++
    return true
  }

  /** A pseudo-random draw: taking every nth item would select the same clients in every broadcast. */
  get #drawn(): boolean {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return this.#state * this.#every < 2 ** 32
  }

  #adapt(now: Millis): void {
    const seconds = (now - this.#since) / SECOND
    this.#every = Math.max(1, this.#passed / seconds / this.#perSecond)
    this.#since = now
    this.#passed = 0
    this.#selected = 0
  }
}
