import type { Millis } from '../base/units.ts'

/** How far the answers of a path may stray before they tell anything, as functions of its round trip. */

/**
 * How long a queue on the path may be, where messages are shorter than that.
 *
 * @param noise how late an answer may be by itself
 */
export function longestQueue(minRtt: Millis, noise: Millis, resolution: Millis): Millis {
  return Math.max(QUEUE_RTTS * minRtt + QUEUE_NOISES * noise, resolution)
}

/** How late the answer to a marker may be that found the path idle. */
export function latenessOf(minRtt: Millis): Millis {
  return Math.max(IDLE_LATENESS * minRtt, HOST_NOISE)
}

/** How long a minimum of the round trip holds without another sample as short. */
export function lifetimeOf(minRtt: Millis): Millis {
  return Math.max(RTT_LIFETIME, RTT_LIFETIMES * minRtt)
}

/**
 * On a loaded server an answer comes some milliseconds late. A queue as short as that is allowed, and
 * no rate is concluded from it. A timer of Node may be late by one millisecond.
 */
export const RESOLUTION: Millis = 25
/** How late a busy event loop, of this process or of the client, may make an answer on a short path. */
export const HOST_NOISE: Millis = 5
/** Share of the round trip. */
const IDLE_LATENESS = 0.25
/** Queue allowed on the path, in round trips. */
const QUEUE_RTTS = 0.25
/**
 * Queue allowed on the path, in spans of noise. With one span, a saturated path of 1 Mbit/s with a
 * jitter of 100 ms is used to 63 %, with two to 95 %.
 */
const QUEUE_NOISES = 2
const RTT_LIFETIME: Millis = 10_000
const RTT_LIFETIMES = 20
