import type { Millis } from './units.ts'

/** Of what a client was offered lately, the share that it lost; for clients that lost something. */
export class Losses {
  #older: Mark
  #newer: Mark

  /** @param offered, lost before the first loss that counts */
  constructor(offered: number, lost: number, now: Millis) {
    this.#older = { at: now, offered, lost }
    this.#newer = this.#older
  }

  /** @param offered, lost until now */
  share(offered: number, lost: number, now: Millis): number {
    if (now - this.#newer.at >= SPAN) {
      this.#older = this.#newer
      this.#newer = { at: now, offered, lost }
    }
    const { at, ...before } = this.#older
    if (now - at < SHORTEST || offered === before.offered) return 0
    return (lost - before.lost) / (offered - before.offered)
  }
}

interface Mark {
  readonly at: Millis
  readonly offered: number
  readonly lost: number
}

/** The share is of the last one to two spans. */
const SPAN: Millis = 5000
/** One message of a burst tells nothing of the rest. */
const SHORTEST: Millis = 2000
