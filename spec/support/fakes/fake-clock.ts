import type { Clock } from '../../../lib/base/clock.ts'

/** A clock that stands until it is told to go on. */
export function fakeClock(): Clock & { advance(millis: number): void } {
  let now = 1000
  return {
    now: () => now,
    wall: () => 1_700_000_000_000 + now,
    advance(millis) {
      now += millis
    },
  }
}
