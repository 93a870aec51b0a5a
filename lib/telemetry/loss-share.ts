import type { Millis } from '../base/units.ts'

/**
 * Of what a client was offered lately, the share that it lost; for clients that lost something. Time
 * is cut into spans: the share is that of the latest one and of the one before it. It follows from
 * what was noted alone, however often it is asked for.
 */
export class LossShare {
  readonly #since: Millis
  /** The latest span in which something was noted. */
  #span = 0
  /** The counts when it began, and when the span before it began. */
  #start: Mark
  #before: Mark

  /** @param offered, lost before the first loss that counts */
  constructor(offered: number, lost: number, now: Millis) {
    this.#since = now
    this.#start = { at: now, offered, lost }
    this.#before = this.#start
  }

  /**
   * To be called before each message that is offered or lost is counted.
   *
   * @param offered, lost until now
   */
  note(offered: number, lost: number, now: Millis): void {
    const span = this.#spanAt(now)
    if (span <= this.#span) return
    const start = { at: now, offered, lost }
    this.#before = span === this.#span + 1 ? this.#start : start
    this.#start = start
    this.#span = span
  }

  /** @param offered, lost until now */
  share(offered: number, lost: number, now: Millis): number {
    const spans = this.#spanAt(now) - this.#span
    // in the one before the latest, nothing was offered
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
/** One message of a burst tells nothing of the rest. */
const SHORTEST: Millis = 2000
