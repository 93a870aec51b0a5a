import type { ClientStats } from '../schemas/stats.ts'
import type { Channel } from './channel.ts'
import type { Millis } from './units.ts'
import { type Late, PATIENCE } from './window.ts'

/**
 * How long a message of each class that is emitted now would wait before it leaves. While an answer
 * is overdue nobody knows; then at least as long as the path would take, were it as fast as it has
 * been since: a client that stopped answering comes out on top, and not as unknown.
 */
export function waitOf(channel: Channel, now: Millis): ClientStats['wait'] {
  const { window, critical, cosmetic } = channel
  const late = lateOf(channel, now)
  const rate = Math.min(
    window.path.rate ?? Number.POSITIVE_INFINITY,
    late?.rate ?? Number.POSITIVE_INFINITY,
  )
  if (rate === Number.POSITIVE_INFINITY) return { critical: null, cosmetic: null }
  const ahead = late ? Math.max(late.age, window.inFlight / rate) : 0
  const path = Math.max(window.queueDelay(now), ahead) + critical.bytes / rate
  return { critical: path, cosmetic: path + cosmetic.bytes / rate }
}

/** The latest round trip, or how long the answer that is waited for has taken already. */
export function rttOf({ window }: Channel, now: Millis): Millis | undefined {
  const { waitsSince, blind, path } = window
  if (blind || waitsSince === undefined) return path.rtt
  return Math.max(path.rtt ?? 0, now - waitsSince)
}

function lateOf(channel: Channel, now: Millis): Late | undefined {
  const { window, link } = channel
  if (!window.blind) return window.late(now)
  const age = channel.stalledFor(now)
  return age < PATIENCE ? undefined : { age, rate: Math.max(1, link.outstanding) / age }
}
