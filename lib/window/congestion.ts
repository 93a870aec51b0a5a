import type { Limits } from '../base/limits.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { DeliveryWindow } from './delivery-window.ts'

/**
 * The rule of shedding: a client is congested when more is buffered for it than its path carries
 * soon. A byte watermark alone can't tell: 128 KiB are 10 ms of a 100 Mbit/s link, less than what
 * is on its way at any moment on a long one, and 10 s of a slow one.
 *
 * So `high` rises to what the path carries within its round trip and `watermarks.horizon`: up to
 * `limit`, and what is on its way on a long and fast path beside that. A late answer lowers it again.
 * While too little is known of the path, what counts is how long messages have waited (sojourn time,
 * as in CoDel, RFC 8289 section 3.2).
 *
 * @param waited how long the next cosmetic message has waited
 */
export function highNow(
  limits: Limits,
  window: DeliveryWindow,
  waited: Millis,
  now: Millis,
): Bytes {
  return raised(limits.high, limits.horizon, limits, window, waited, now)
}

/** Bytes buffered below which a client that was congested has caught up. */
export function lowNow(limits: Limits, window: DeliveryWindow, waited: Millis, now: Millis): Bytes {
  return raised(limits.low, limits.horizon * RECOVERED, limits, window, waited, now)
}

/** Most bytes that may be in flight; only an answer changes it. */
export function ceilingOf(limits: Limits, { path }: DeliveryWindow): Bytes {
  const { horizon, low, high, limit } = limits
  // what waits behind a full window must not be shed at once
  if (horizon === 0) return (low + high) / 2
  const { rate, minRtt = 0 } = path
  // until the rate is known, the window ends earlier by itself
  return mostOf(limits, rate === undefined ? Number.POSITIVE_INFINITY : limit + rate * minRtt)
}

/** What a long and fast path holds is no backlog; half of `emergency` is left to critical messages. */
function mostOf({ limit, emergency }: Limits, bytes: Bytes): Bytes {
  return Math.floor(Math.max(limit, Math.min(bytes, emergency / 2)))
}

function raised(
  watermark: Bytes,
  within: Millis,
  limits: Limits,
  window: DeliveryWindow,
  waited: Millis,
  now: Millis,
): Bytes {
  if (limits.horizon === 0 || window.blind) return watermark
  const { rate, noise, rtt = 0 } = window.path
  const base = window.rttSoFar(now)
  const soon = base + noise + within
  if (rate === undefined || !window.isKnown) {
    // one round trip tells of the path, and the next one uses that
    // time in which this process was late for polls tells nothing of the path
    const isBehind = waited * window.pathShare > soon + rtt
    return isBehind ? watermark : mostOf(limits, Number.POSITIVE_INFINITY)
  }
  const carried = rate * (soon - window.overdue(now))
  return Math.max(watermark, Math.min(carried, mostOf(limits, limits.limit + rate * base)))
}

/** The share of the horizon within which everything is carried for a client that has caught up. */
const RECOVERED = 0.5
