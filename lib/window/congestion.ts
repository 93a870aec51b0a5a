import type { Limits } from '../base/limits.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { DeliveryWindow } from './delivery-window.ts'

/**
 * Bytes buffered above which a client is congested, and cosmetic messages are shed. A fixed number of
 * bytes can't tell: 128 KiB are 10 ms of a 100 Mbit/s link, less than the bandwidth-delay product of a
 * long one, and 10 s of a slow one.
 *
 * So `high` rises to what the path carries within its round trip and `watermarks.horizon`: up to
 * `limit` and the bandwidth-delay product. A late answer lowers it again. While too little is known of
 * the path, the time counts that messages have waited (sojourn time, as in CoDel, RFC 8289 section
 * 3.2).
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

/** Most bytes that may be in flight. The value changes with answers only. */
export function ceilingOf(limits: Limits, { path }: DeliveryWindow): Bytes {
  const { horizon, low, high, limit } = limits
  // below `high`, so that messages behind a full window are not shed at once
  if (horizon === 0) return (low + high) / 2
  const { rate, minRtt = 0 } = path
  // until the rate is known, start-up allows less than this
  return mostOf(limits, rate === undefined ? Number.POSITIVE_INFINITY : limit + rate * minRtt)
}

/** Bounds a watermark by `limit` or, on a long and fast path, by half of `emergency`: critical messages need the rest. */
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
    // the first round trip measures the path, and the second can use that; the time in which this
    // process was late for polls is not the path's
    const isBehind = waited * window.pathShare > soon + rtt
    return isBehind ? watermark : mostOf(limits, Number.POSITIVE_INFINITY)
  }
  const carried = rate * (soon - window.overdue(now))
  return Math.max(watermark, Math.min(carried, mostOf(limits, limits.limit + rate * base)))
}

/** A client has caught up when its path carries everything within this share of the horizon. */
const RECOVERED = 0.5
