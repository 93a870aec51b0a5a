import type { Clock } from '../../lib/base/clock.ts'
import { timers } from '../../lib/base/timers.ts'

type Callback = () => void

/** Callbacks of a run, and looks at its clock: many times what the longest run takes. */
const MOST_STEPS = 5_000_000

interface Timer {
  at: number
  readonly callback: Callback
  readonly every: number | undefined
  unref(): Timer
}

/**
 * Node's event loop, turned by hand: ticks end, immediates run and time passes when a spec says so.
 * Between `install` and `uninstall` it stands in for the library's timers.
 */
export class ModelLoop implements Clock {
  /** When what runs now was called by the loop. */
  enteredAt = 1000
  readonly timers: Timer[] = []
  #time = 1000
  #idle = 0
  #ticks: Callback[] = []
  #immediates: Callback[] = []
  #restore: Callback | undefined
  /** What was done so far, and would go on for ever in an endless loop. */
  steps = 0

  readonly now = (): number => {
    this.#step()
    return this.#time
  }
  readonly wall = (): number => 1_700_000_000_000 + this.#time

  install(): void {
    const real = { ...timers }
    const clear = (timer: Timer | undefined): void => {
      const index = timer ? this.timers.indexOf(timer) : -1
      if (index >= 0) this.timers.splice(index, 1)
    }
    Object.assign(timers, {
      setTimeout: (callback: Callback, delay = 1) => this.#start(callback, delay, undefined),
      setInterval: (callback: Callback, delay = 1) => this.#start(callback, delay, delay),
      setImmediate: (callback: Callback) => this.#immediates.push(callback),
      clearTimeout: clear,
      clearInterval: clear,
      nextTick: (callback: (...args: never[]) => void, ...args: never[]) => {
        this.#ticks.push(() => callback(...args))
      },
      idleTime: () => this.#idle,
    })
    this.#restore = () => Object.assign(timers, real)
  }

  uninstall(): void {
    this.#restore?.()
  }

  /** The loop is busy for so long. */
  spend(millis: number): void {
    this.#time += millis
  }

  /** Calls back as the loop does, which ends the tick. */
  task(callback: Callback): void {
    this.endTick()
    this.enteredAt = this.#time
    callback()
    this.endTick()
  }

  endTick(): void {
    while (this.#ticks.length > 0) {
      const ticks = this.#ticks
      this.#ticks = []
      for (const each of ticks) {
        this.#step()
        this.enteredAt = this.#time
        each()
      }
    }
  }

  nextTick(callback: Callback): void {
    this.#ticks.push(callback)
  }

  immediate(callback: Callback): void {
    this.#immediates.push(callback)
  }

  /** Goes round once, without waiting for anything. */
  turn(): void {
    this.endTick()
    this.#step()
    this.#runTimers(this.#time)
    const immediates = this.#immediates
    this.#immediates = []
    for (const each of immediates) this.task(each)
  }

  /** Goes round, and waits where there is nothing else to do, until so much time has passed. */
  pass(millis: number): void {
    const until = this.#time + millis
    this.endTick()
    while (this.#immediates.length > 0) this.turn()
    for (let at = this.#next(); at <= until; at = this.#next()) {
      this.#idleUntil(at)
      this.turn()
      while (this.#immediates.length > 0) this.turn()
    }
    this.#idleUntil(until)
  }

  /** Nothing is left to do before time passes. */
  get idle(): boolean {
    const due = this.timers.some(({ at }) => at <= this.#time)
    return !due && this.#ticks.length === 0 && this.#immediates.length === 0
  }

  /** Passes the time until the latest of the timers is over that are called once. */
  runOut(): void {
    const ends = this.timers.filter(({ every }) => every === undefined).map(({ at }) => at)
    this.pass(Math.max(0, ...ends.map((at) => at - this.#time)))
  }

  #step(): void {
    if (++this.steps > MOST_STEPS) throw new Error(`no end after ${MOST_STEPS} steps`)
  }

  #idleUntil(at: number): void {
    if (at <= this.#time) return
    this.#idle += at - this.#time
    this.#time = at
  }

  #next(): number {
    let at = Number.POSITIVE_INFINITY
    for (const timer of this.timers) if (timer.at < at) at = timer.at
    return at
  }

  #runTimers(until: number): void {
    for (const timer of this.timers.filter(({ at }) => at <= until)) {
      const index = this.timers.indexOf(timer)
      if (index < 0) continue
      if (timer.every === undefined) this.timers.splice(index, 1)
      else timer.at = this.#time + timer.every
      this.task(timer.callback)
    }
  }

  #start(callback: Callback, delay: number, every: number | undefined): Timer {
    const timer: Timer = {
      at: this.#time + Math.max(1, delay),
      callback,
      every,
      unref: () => timer,
    }
    this.timers.push(timer)
    return timer
  }
}
