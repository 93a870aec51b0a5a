import type { Clock } from '../base/clock.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'

/** At most one timer a key, for the earliest instant asked for. No timer keeps the process alive. */
export class WakeTimers<Key> {
  readonly #timers = new Map<Key, { readonly at: Millis; readonly timer: NodeJS.Timeout }>()
  readonly #clock: Clock
  readonly #onWake: (key: Key) => void

  constructor(clock: Clock, onWake: (key: Key) => void) {
    this.#clock = clock
    this.#onWake = onWake
  }

  get size(): number {
    return this.#timers.size
  }

  wake(key: Key, at: Millis): void {
    const set = this.#timers.get(key)
    if (set && set.at <= at) return
    if (set) timers.clearTimeout(set.timer)
    const wake = () => {
      this.#timers.delete(key)
      this.#onWake(key)
    }
    const timer = timers.setTimeout(wake, Math.ceil(at - this.#clock.now())).unref()
    this.#timers.set(key, { at, timer })
  }

  delete(key: Key): void {
    timers.clearTimeout(this.#timers.get(key)?.timer)
    this.#timers.delete(key)
  }

  clear(): void {
    for (const { timer } of this.#timers.values()) timers.clearTimeout(timer)
    this.#timers.clear()
  }
}
