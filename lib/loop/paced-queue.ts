import type { Clock } from '../base/clock.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'

/** @param waited since it was added */
export type Task = (waited: Millis) => void

/** Share of one turn of the event loop; a broadcast has twice that (`tickBudget`). */
const SLICE: Millis = 4
/** Microtasks in which Engine.IO goes on with a handshake, so that they count as part of it. */
const CONTINUATIONS = 3

/**
 * Does things in their order, a slice of them in each turn of the event loop, so that thousands that
 * come in one turn leave room for everything else. What comes alone is done in the same turn.
 */
export class PacedQueue {
  readonly #clock: Clock
  readonly #waiting: Array<{ readonly task: Task; readonly since: Millis } | undefined> = []
  /** Number of leading items that are done, and `undefined`. */
  #done = 0
  #scheduled = false

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Number of slots, including those of finished items. */
  get slots(): number {
    return this.#waiting.length
  }

  add(task: Task): void {
    this.#waiting.push({ task, since: this.#clock.now() })
    this.#schedule()
  }

  #schedule(): void {
    if (this.#scheduled) return
    this.#scheduled = true
    timers.setImmediate(this.#slice)
  }

  readonly #slice = async (): Promise<void> => {
    const until = this.#clock.now() + SLICE
    for (let now = until - SLICE; now < until && this.#next(now); now = this.#clock.now()) {
      for (let n = 0; n < CONTINUATIONS; n++) await undefined
    }
    this.#scheduled = false
    if (this.#waiting.length > 0) this.#schedule()
  }

  /** @returns whether there was one */
  #next(now: Millis): boolean {
    const next = this.#waiting[this.#done]
    if (!next) return false
    this.#waiting[this.#done++] = undefined
    // compaction, also when the queue never empties
    if (this.#done * 2 >= this.#waiting.length) {
      this.#waiting.splice(0, this.#done)
      this.#done = 0
    }
    try {
      next.task(now - next.since)
    } catch (error) {
      // the error belongs to one item; the others go on
      timers.nextTick(() => {
        throw error
      })
    }
    return true
  }
}
