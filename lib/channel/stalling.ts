import type { Limits } from '../base/limits.ts'
import type { EnforcedClosing } from '../base/outcomes.ts'
import type { Bytes, BytesPerMilli, Millis } from '../base/units.ts'
import { SLOWEST } from '../window/transit.ts'
import type { Delivery } from './delivery.ts'

/** When a client will have to be closed, if it gives no sign of progress until then, and why. */
export interface DueClosing {
  readonly code: EnforcedClosing
  readonly at: Millis
}

/** Since when a client is behind, and the latest marker that was written before. */
interface Behind {
  readonly since: Millis
  readonly sequence: number
}

/**
 * When a client will have to be closed: it is judged by progress, however slow, against what is
 * buffered for it.
 *
 * @param allowance of one that has not caught up since it had more than `emergency` buffered
 * @returns undefined if nothing that is known leads to it
 */
export function dueClosing(
  delivery: Delivery,
  buffered: Bytes,
  allowance: Behind | undefined,
  limits: Limits,
  now: Millis,
): DueClosing | undefined {
  const closing = ordinaryClosing(delivery, buffered, limits, now)
  if (buffered <= limits.emergency || !allowance) return closing
  const hasTaken = delivery.hasTaken(allowance.since, allowance.sequence)
  const emergency = emergencyClosing(delivery, hasTaken, limits, now)
  return closing && closing.at < emergency.at ? closing : emergency
}

function ordinaryClosing(
  delivery: Delivery,
  buffered: Bytes,
  limits: Limits,
  now: Millis,
): DueClosing | undefined {
  const { link, window } = delivery
  const stalled = stalledAt(delivery, limits, now)
  const byKernel = isByKernel(delivery)
  const takesAll = byKernel && !delivery.kernel
  if (buffered > limits.limit && !takesAll) {
    return { code: 'over-limit', at: Math.max(stalled, delivery.since + limits.grace) }
  }
  // whoever polls takes what waits and polls again, however often it is heard otherwise
  if (link.proof === 'itself') {
    return delivery.isIdle ? undefined : { code: 'stalled', at: stalled }
  }
  if (byKernel && !takesAll) return { code: 'stalled', at: stalled }
  if (window.blind || window.waitsSince === undefined) return undefined
  const asked = Math.max(window.waitsSince, delivery.heardAt)
  if (!takesAll) return { code: 'stalled', at: Math.max(stalled, asked + limits.stallAfter) }
  // of one that may be blind, a heartbeat is the first that is heard
  const since = Math.max(asked + heartbeatInterval(delivery), delivery.excusedAt)
  return { code: 'stalled', at: since + limits.stallAfter }
}

/**
 * The same for a client with more than `watermarks.emergency` buffered, which is given no long time
 * to take something, unless it may be one that answers no markers, which is rarely seen to do so.
 *
 * @param hasTaken it has taken something of what is behind
 */
function emergencyClosing(
  delivery: Delivery,
  hasTaken: boolean,
  limits: Limits,
  now: Millis,
): DueClosing {
  const { window } = delivery
  const explained = window.awaited / (hasTaken ? SLOWEST : SLOWEST_FIRST_ANSWER)
  const answers = !window.blind && window.path.minRtt !== undefined
  const patience = answers ? emergencyPatience(limits) : limits.stallAfter
  return { code: 'emergency', at: silentSince(delivery, now) + patience + explained }
}

/** When there will have been no progress for longer than what is in flight explains. */
export function stalledAt(delivery: Delivery, { stallAfter }: Limits, now: Millis): Millis {
  const { window, kernel, progressAt, excusedAt } = delivery
  if (!isByKernel(delivery)) {
    return silentSince(delivery, now) + stallAfter + window.longestAnswer
  }
  const movedAt = kernel?.movedAt ?? now
  const since = window.isAnswered ? Math.max(movedAt, progressAt) : movedAt
  return Math.max(since + longestPause(delivery), excusedAt) + stallAfter
}

/** How long a client that has too much buffered may take nothing. */
export function emergencyPatience({ stallAfter }: Limits): Millis {
  return EMERGENCY_SHARE * stallAfter
}

/** Since when there has been no progress, and nothing that excuses it. */
function silentSince(delivery: Delivery, now: Millis): Millis {
  return Math.max(now - delivery.sinceProgress(now), delivery.excusedAt)
}

/**
 * How long a client may take to read what its kernel socket has. Only of one that lives: that was
 * heard since it was asked, and goes on being heard as often as heartbeats are due. Whoever has
 * answered markers shows by them that it reads.
 */
function longestPause(delivery: Delivery): Millis {
  const { window, kernel, heardAt } = delivery
  if (!kernel || window.isAnswered) return window.longestAnswer
  if (!window.blind && heardAt <= (window.waitsSince ?? 0)) return window.longestAnswer
  const { movedAt, readBy } = kernel
  return Math.max(0, Math.min(readBy, heardAt + heartbeatInterval(delivery)) - movedAt)
}

/** Whether what counts is what the kernel takes: nothing else shows that the client reads. */
function isByKernel({ link, window }: Delivery): boolean {
  return link.proof !== 'itself' && (window.blind || !window.isAnswered)
}

function heartbeatInterval({ link }: Delivery): Millis {
  return Number.isNaN(link.heartbeatInterval) ? 0 : link.heartbeatInterval
}

/** 0.8 s by default: with a look every 100 ms, and another one 100 ms later, about a second. */
const EMERGENCY_SHARE = 0.08
/** 64 KB/s: a client that is slower, and has taken nothing yet, is taken for one that takes nothing. */
const SLOWEST_FIRST_ANSWER: BytesPerMilli = 64
