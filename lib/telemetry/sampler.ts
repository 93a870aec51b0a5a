import type { Millis } from '../base/units.ts'

const SECOND: Millis = 1000

/**
 * Takes a share of what passes, each with the same chance, so that about so many are taken a
 * second; all of it while there is less. The chance follows what passed in the second before.
 */
export class Sampler {
  readonly #perSecond: number
  #since: Millis = Number.NEGATIVE_INFINITY
  #passed = 0
  #taken = 0
  /** One in so many is taken. */
  #every = 1
  #state = 1

  constructor(perSecond: number) {
    this.#perSecond = perSecond
  }

  take(now: Millis): boolean {
    if (now - this.#since >= SECOND) this.#adapt(now)
    this.#passed++
    // the rate may have grown all at once
    if (this.#taken >= 2 * this.#perSecond || !this.#drawn) return false
    this.#taken++
    return true
  }

  /** By chance, since every nth would be the same clients in every broadcast. */
  get #drawn(): boolean {
    this.#state = (Math.imul(this.#state, 1_664_525) + 1_013_904_223) >>> 0
    return this.#state * this.#every < 2 ** 32
  }

  #adapt(now: Millis): void {
    const seconds = (now - this.#since) / SECOND
    this.#every = Math.max(1, this.#passed / seconds / this.#perSecond)
    this.#since = now
    this.#passed = 0
    this.#taken = 0
  }
}
