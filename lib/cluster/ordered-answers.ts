import type { Clock } from '../base/clock.ts'
import { stateOf } from '../base/promise-state.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'

/** Longest wait for an answer. Redis in the same network answers within 2 ms. */
export const LATEST: Millis = 1000

interface Place {
  readonly since: Millis
  /** Passes the answer on; undefined until it has arrived. */
  settled: (() => void) | undefined
  readonly giveUp: () => void
}

/**
 * Passes answers of Redis on in the order of the requests, even if a later request fails at once. An
 * answer that takes longer than `LATEST` is replaced by a rejection. From then on requests are
 * rejected at once, until an answer arrives.
 */
export class OrderedAnswers {
  readonly #clock: Clock
  readonly #onLate: (isFirst: boolean, error: Error) => void
  readonly #places = new Set<Place>()
  #silent = false
  #timer: NodeJS.Timeout | undefined

  /** @param onLate called for each request given up; `isFirst` for the first one of an outage */
  constructor(clock: Clock, onLate: (isFirst: boolean, error: Error) => void) {
    this.#clock = clock
    this.#onLate = onLate
  }

  /** Whether a request was given up and no answer has arrived since. */
  get silent(): boolean {
    return this.#silent
  }

  /**
   * Queues an answer behind the pending ones.
   *
   * @returns the same promise if it is settled and none is pending, so that the caller's `await` takes
   *   no microtask more than without the guard
   */
  wait<T>(answer: Promise<T>): Promise<T> {
    const state = stateOf(answer)
    if (state === 'fulfilled') this.#silent = false
    if (state !== 'pending' && this.#places.size === 0) return answer
    return new Promise((resolve, reject) => {
      const place: Place = {
        since: this.#clock.now(),
        settled: undefined,
        giveUp: () => reject(this.#late()),
      }
      answer.then(
        (value) => {
          this.#silent = false
          this.#settle(place, () => resolve(value))
        },
        (error) => this.#settle(place, () => reject(error)),
      )
      if (this.#silent) return place.giveUp()
      this.#places.add(place)
      this.#timer ??= this.#wake(LATEST)
    })
  }

  #settle(place: Place, settled: () => void): void {
    place.settled = settled
    for (const first of this.#places) {
      if (!first.settled) return
      this.#places.delete(first)
      first.settled()
    }
  }

  #wake(after: Millis): NodeJS.Timeout {
    return timers
      .setTimeout(() => {
        // Node runs timers before it reads sockets, so an answer may have arrived unread
        timers.setImmediate(() => this.#check())
      }, after)
      .unref()
  }

  #check(): void {
    this.#timer = undefined
    const [first] = this.#places
    if (!first) return
    const waited = this.#clock.now() - first.since
    if (waited < LATEST) {
      this.#timer = this.#wake(LATEST - waited)
      return
    }
    for (const place of this.#places) (place.settled ?? place.giveUp)()
    this.#places.clear()
  }

  #late(): Error {
    const error = new Error(`no answer within ${LATEST} ms; not waited for any longer`)
    this.#onLate(!this.#silent, error)
    this.#silent = true
    return error
  }
}
