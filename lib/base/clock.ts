import { timers } from './timers.ts'
import type { Millis } from './units.ts'

/** Where the edges of the library read the time; the arithmetic gets it as an argument. */
export interface Clock {
  /** Monotonic, for spans. */
  now(): Millis
  /** Milliseconds since the epoch, for people. */
  wall(): Millis
}

export const systemClock: Clock = {
  now: () => timers.now(),
  wall: () => timers.wall(),
}
