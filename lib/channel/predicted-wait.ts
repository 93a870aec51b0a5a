import type { ClientStats } from '../../schemas/stats.ts'
import type { BytesPerMilli, Millis } from '../base/units.ts'
import { type Late, PATIENCE } from '../window/transit.ts'
import type { Delivery } from './delivery.ts'
import type { Lanes } from './lanes.ts'

/**
 * Milliseconds that a message of each class emitted now would wait before it leaves; null if unknown.
 * While an answer is overdue, the rate since then gives a lower bound, so that a client that stopped
 * answering sorts first, and not as unknown.
 */
export function waitOf(
  delivery: Delivery,
  { critical, cosmetic }: Lanes,
  now: Millis,
): ClientStats['wait'] {
  const late = lateOf(delivery, now)
  const rate = rateOf(delivery, late)
  if (rate === Number.POSITIVE_INFINITY) return { critical: null, cosmetic: null }
  const path = delayOf(delivery, late, rate, now) + critical.bytes / rate
  return { critical: path, cosmetic: path + cosmetic.bytes / rate }
}

/** Milliseconds that a message handed over at once would wait in the path; 0 if unknown. */
export function pathDelay(delivery: Delivery, now: Millis): Millis {
  const late = lateOf(delivery, now)
  return delayOf(delivery, late, rateOf(delivery, late), now)
}

/** The latest round trip, or the age of the open marker, if that is more. */
export function rttOf({ window }: Delivery, now: Millis): Millis | undefined {
  const { waitsSince, blind, path } = window
  if (blind || waitsSince === undefined) return path.rtt
  return Math.max(path.rtt ?? 0, now - waitsSince)
}

function rateOf({ window }: Delivery, late: Late | undefined): BytesPerMilli {
  return Math.min(
    window.path.rate ?? Number.POSITIVE_INFINITY,
    late?.rate ?? Number.POSITIVE_INFINITY,
  )
}

function delayOf(
  { window }: Delivery,
  late: Late | undefined,
  rate: BytesPerMilli,
  now: Millis,
): Millis {
  const ahead = late ? Math.max(late.age, window.inFlight / rate) : 0
  return Math.max(window.queueDelay(now), ahead)
}

function lateOf(delivery: Delivery, now: Millis): Late | undefined {
  const { window, link } = delivery
  if (!window.blind) return window.late(now)
  const age = delivery.stalledFor(now)
  return age < PATIENCE ? undefined : { age, rate: Math.max(1, link.outstanding) / age }
}
