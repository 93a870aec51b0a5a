import type { Millis } from '../base/units.ts'

/**
 * The share of a client's messages that was shed lately: lost messages / offered messages over the
 * current span of 5 s and the one before. Made at a client's first loss. Reading it changes nothing.
 */
export class LossShare {
  readonly #since: Millis
  /** Number of the latest span in which a message was noted. */
  #span = 0
  /** The counts at the beginning of that span, and of the span before it. */
  #start: Mark
  #before: Mark

  /** @param offered, lost the client's counts before its first loss */
  constructor(offered: number, lost: number, now: Millis) {
    this.#since = now
    this.#start = { at: now, offered, lost }
    this.#before = this.#start
  }

  /**
   * Moves on to the span of `now`. Has to be called before the client's counts change.
   *
   * @param offered, lost the client's counts so far
   */
  note(offered: number, lost: number, now: Millis): void {
    const span = this.#spanAt(now)
    if (span <= this.#span) return
    const start = { at: now, offered, lost }
    this.#before = span === this.#span + 1 ? this.#start : start
    this.#start = start
    this.#span = span
  }

  /**
   * The share from 0 to 1; 0 while less than 2 s are covered.
   *
   * @param offered, lost the client's counts so far
   */
  share(offered: number, lost: number, now: Millis): number {
    const spans = this.#spanAt(now) - this.#span
    // a whole span has passed without any message
    if (spans > 1) return 0
    const from = spans === 1 ? this.#start : this.#before
    if (now - from.at < SHORTEST || offered === from.offered) return 0
    return (lost - from.lost) / (offered - from.offered)
  }

  #spanAt(now: Millis): number {
    return Math.floor((now - this.#since) / SPAN)
  }
}

interface Mark {
  readonly at: Millis
  readonly offered: number
  readonly lost: number
}

const SPAN: Millis = 5000
/** Least time that a share covers: the first messages of a burst don't represent the rest. */
const SHORTEST: Millis = 2000
