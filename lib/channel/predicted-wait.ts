import type { ClientStats } from '../../schemas/stats.ts'
import type { BytesPerMilli, Millis } from '../base/units.ts'
import type { Link } from '../link/link.ts'
import { type DeliveryWindow, type Late, PATIENCE } from '../window/delivery-window.ts'
import type { Lane } from './lane.ts'

/** What is known of a client's path, and what waits for it. */
interface Waiting {
  readonly window: DeliveryWindow
  readonly link: Link
  readonly critical: Lane
  readonly cosmetic: Lane
  stalledFor(now: Millis): Millis
}

/**
 * How long a message of each class that is emitted now would wait before it leaves. While an answer
 * is overdue nobody knows; then at least as long as the path would take, were it as fast as it has
 * been since: a client that stopped answering comes out on top, and not as unknown.
 */
export function waitOf(client: Waiting, now: Millis): ClientStats['wait'] {
  const { critical, cosmetic } = client
  const late = lateOf(client, now)
  const rate = rateOf(client, late)
  if (rate === Number.POSITIVE_INFINITY) return { critical: null, cosmetic: null }
  const path = delayOf(client, late, rate, now) + critical.bytes / rate
  return { critical: path, cosmetic: path + cosmetic.bytes / rate }
}

/** The same of what is handed over at once, as far as it is known; else 0. */
export function pathDelay(client: Waiting, now: Millis): Millis {
  const late = lateOf(client, now)
  return delayOf(client, late, rateOf(client, late), now)
}

/** The latest round trip, or how long the answer that is waited for has taken already. */
export function rttOf({ window }: Waiting, now: Millis): Millis | undefined {
  const { waitsSince, blind, path } = window
  if (blind || waitsSince === undefined) return path.rtt
  return Math.max(path.rtt ?? 0, now - waitsSince)
}

function rateOf({ window }: Waiting, late: Late | undefined): BytesPerMilli {
  return Math.min(
    window.path.rate ?? Number.POSITIVE_INFINITY,
    late?.rate ?? Number.POSITIVE_INFINITY,
  )
}

function delayOf(
  { window }: Waiting,
  late: Late | undefined,
  rate: BytesPerMilli,
  now: Millis,
): Millis {
  const ahead = late ? Math.max(late.age, window.inFlight / rate) : 0
  return Math.max(window.queueDelay(now), ahead)
}

function lateOf(client: Waiting, now: Millis): Late | undefined {
  const { window, link } = client
  if (!window.blind) return window.late(now)
  const age = client.stalledFor(now)
  return age < PATIENCE ? undefined : { age, rate: Math.max(1, link.outstanding) / age }
}
