import { timers } from './timers.ts'
import type { Millis } from './units.ts'

/** A source of time for the edges of the library; arithmetic takes the time as an argument. */
export interface Clock {
  /** Milliseconds of a monotonic clock, for spans. */
  now(): Millis
  /** Milliseconds since the epoch, for people. */
  wall(): Millis
}

export const systemClock: Clock = {
  now: () => timers.now(),
  wall: () => timers.wall(),
}
