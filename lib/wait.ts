import type { ClientStats } from '../schemas/stats.ts'
import type { Channel } from './channel.ts'
import type { BytesPerMilli, Millis } from './units.ts'
import { type Late, PATIENCE } from './window.ts'

/**
 * How long a message of each class that is emitted now would wait before it leaves. While an answer
 * is overdue nobody knows; then at least as long as the path would take, were it as fast as it has
 * been since: a client that stopped answering comes out on top, and not as unknown.
 */
export function waitOf(channel: Channel, now: Millis): ClientStats['wait'] {
  const { critical, cosmetic } = channel
  const late = lateOf(channel, now)
  const rate = rateOf(channel, late)
  if (rate === Number.POSITIVE_INFINITY) return { critical: null, cosmetic: null }
  const path = delayOf(channel, late, rate, now) + critical.bytes / rate
  return { critical: path, cosmetic: path + cosmetic.bytes / rate }
}

/** The same of what is handed over at once, as far as it is known; else 0. */
export function pathDelay(channel: Channel, now: Millis): Millis {
  const late = lateOf(channel, now)
  return delayOf(channel, late, rateOf(channel, late), now)
}

/** The latest round trip, or how long the answer that is waited for has taken already. */
export function rttOf({ window }: Channel, now: Millis): Millis | undefined {
  const { waitsSince, blind, path } = window
  if (blind || waitsSince === undefined) return path.rtt
  return Math.max(path.rtt ?? 0, now - waitsSince)
}

function rateOf({ window }: Channel, late: Late | undefined): BytesPerMilli {
  return Math.min(
    window.path.rate ?? Number.POSITIVE_INFINITY,
    late?.rate ?? Number.POSITIVE_INFINITY,
  )
}

function delayOf(
  { window }: Channel,
  late: Late | undefined,
  rate: BytesPerMilli,
  now: Millis,
): Millis {
  const ahead = late ? Math.max(late.age, window.inFlight / rate) : 0
  return Math.max(window.queueDelay(now), ahead)
}

function lateOf(channel: Channel, now: Millis): Late | undefined {
  const { window, link } = channel
  if (!window.blind) return window.late(now)
  const age = channel.stalledFor(now)
  return age < PATIENCE ? undefined : { age, rate: Math.max(1, link.outstanding) / age }
}
