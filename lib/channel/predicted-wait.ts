import type { ClientStats } from '../../schemas/stats.ts'
import type { BytesPerMilli, Millis } from '../base/units.ts'
import { type Late, PATIENCE } from '../window/transit.ts'
import type { Delivery } from './delivery.ts'
import type { Lanes } from './lanes.ts'

/**
 * How long a message of each class that is emitted now would wait before it leaves. While an answer
 * is overdue nobody knows; then at least as long as the path would take, were it as fast as it has
 * been since: a client that stopped answering comes out on top, and not as unknown.
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

/** The same of what is handed over at once, as far as it is known; else 0. */
export function pathDelay(delivery: Delivery, now: Millis): Millis {
  const late = lateOf(delivery, now)
  return delayOf(delivery, late, rateOf(delivery, late), now)
}

/** The latest round trip, or how long the answer that is waited for has taken already. */
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
