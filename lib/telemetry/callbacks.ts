import { toError } from '../base/errors.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'

/**
 * Runs callbacks of the application, each in a later turn of the event loop: a callback may emit, and
 * one that causes itself again does not starve the loop. A shutdown awaits `settled`.
 */
export class Callbacks {
  /** Number of calls that are scheduled and have not begun. */
  scheduled = 0
  /** Number of asynchronous calls whose promise is pending. */
  running = 0
  readonly #listeners = new Set<() => void>()

  get idle(): boolean {
    return this.scheduled === 0 && this.running === 0
  }

  /**
   * Schedules a call.
   *
   * @param failed receives what the callback throws or rejects with
   */
  later(callback: () => unknown, failed: (error: Error) => void): void {
    this.scheduled++
    timers.setImmediate(() => {
      const promise = guard(callback, failed)
      if (promise) {
        this.running++
        void promise.then(() => {
          this.running--
          this.#changed()
        })
      }
      this.scheduled--
      this.#changed()
    })
  }

  /**
   * Calls the listener whenever a call was made or its promise settled.
   *
   * @returns removes the listener
   */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Resolves when no call is scheduled or running, or after `within` milliseconds. */
  settled(within: Millis): Promise<void> {
    if (this.idle) return Promise.resolve()
    return new Promise((resolve) => {
      const end = (): void => {
        timers.clearTimeout(timer)
        stop()
        resolve()
      }
      const timer = timers.setTimeout(end, within)
      const stop = this.onChange(() => {
        if (this.idle) end()
      })
    })
  }

  #changed(): void {
    for (const listener of this.#listeners) listener()
  }
}

/**
 * Runs a callback of the application, synchronous or asynchronous, and catches its errors.
 *
 * @returns a promise that never rejects; undefined if the callback returned none
 */
export function guard(
  callback: () => unknown,
  failed: (error: Error) => void,
): Promise<unknown> | undefined {
  const fail = (thrown: unknown): void => failed(toError(thrown))
  try {
    const result = callback()
    if (typeof result === 'object' && result !== null && 'then' in result) {
      return Promise.resolve(result).catch(fail)
    }
  } catch (thrown) {
    fail(thrown)
  }
  return undefined
}
