import { toError } from '../base/errors.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'

/**
 * Calls the application, each time in a later turn of the loop, so that a callback may emit, and one
 * that brings itself about again leaves the loop its turns. Whoever ends something waits for the calls.
 */
export class Callbacks {
  /** Calls that are to be made. */
  due = 0
  /** Calls whose promise is not settled. */
  running = 0
  readonly #listeners = new Set<() => void>()

  get idle(): boolean {
    return this.due === 0 && this.running === 0
  }

  /** @param failed told what the callback has thrown, or rejected with */
  later(callback: () => unknown, failed: (error: Error) => void): void {
    this.due++
    timers.setImmediate(() => {
      const promise = guard(callback, failed)
      if (promise) {
        this.running++
        void promise.then(() => {
          this.running--
          this.#changed()
        })
      }
      this.due--
      this.#changed()
    })
  }

  /** Tells of every call that was made or has ended. @returns how to stop that */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => void this.#listeners.delete(listener)
  }

  /** Settles when no call is to be made or running, or when the time is over. */
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
 * Runs a callback of the application, that may be asynchronous and may fail.
 *
 * @returns what to wait for, if there is anything; it never rejects
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
