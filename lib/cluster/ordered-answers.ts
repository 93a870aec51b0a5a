import type { Clock } from '../base/clock.ts'
import { stateOf } from '../base/promise-state.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'

/** Redis in the same network answers within a millisecond or two. */
export const LATEST: Millis = 1000

interface Place {
  readonly since: Millis
  /** Passes the answer on, once it is there. */
  settled: (() => void) | undefined
  readonly giveUp: () => void
}

/**
 * What waits for an answer of the other nodes' medium. It is passed on in the order of the
 * questions, also where a later one is refused at once; so is what has waited for too long. From
 * then on nobody waits until something is answered.
 */
export class OrderedAnswers {
  readonly #clock: Clock
  readonly #onLate: (isFirst: boolean, error: Error) => void
  readonly #places = new Set<Place>()
  #silent = false
  #timer: NodeJS.Timeout | undefined

  /** @param onLate called for each that is not waited for; `isFirst` of a silence */
  constructor(clock: Clock, onLate: (isFirst: boolean, error: Error) => void) {
    this.#clock = clock
    this.#onLate = onLate
  }

  /** Whether the latest question that was given up has not been answered since. */
  get silent(): boolean {
    return this.#silent
  }

  /**
   * @returns the answer itself if it is there already and none is waited for, so that whoever awaits
   *   it goes on in the same microtask as without this
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
        // timers run before what has arrived is read: this process may be what was late
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
