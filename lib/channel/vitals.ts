import type { Limits } from '../base/limits.ts'
import type { EnforcedClosing } from '../base/outcomes.ts'
import type { Bytes, BytesPerMilli, Millis } from '../base/units.ts'
import type { Link } from '../link/link.ts'
import { type DeliveryWindow, SLOWEST } from '../window/delivery-window.ts'
import { KernelProgress } from './kernel-progress.ts'

/** When a client will have to be closed, if it gives no sign of progress until then, and why. */
export interface Sentence {
  readonly code: EnforcedClosing
  readonly at: Millis
}

/**
 * The signs of life of one client, and what they say of its backlog. A client is judged by
 * progress: that it answers markers, however slowly, or polls, or, as long as it has answered no
 * marker, that its kernel socket takes something.
 */
export class Vitals {
  /** When the client last took something, or nothing was outstanding. */
  progressAt: Millis
  /** When the client connected. */
  since: Millis
  /** Bytes heard from the client, and when they last grew. */
  #heard: Bytes = 0
  #heardAt: Millis
  #heartbeatAt: Millis
  /** While the kernel leaves something. */
  #kernel: KernelProgress | undefined
  /** When an upgrade was first seen under way, and when one was last that excuses the client. */
  #upgrade: { readonly since: Millis; excusedAt: Millis } | undefined

  constructor(now: Millis) {
    this.since = now
    this.progressAt = now
    this.#heardAt = now
    this.#heartbeatAt = now
  }

  /** The client has been connected since then; when it last answered a heartbeat is not known. */
  adopt(since: Millis): void {
    this.since = since
    this.#heartbeatAt = Number.NEGATIVE_INFINITY
  }

  /**
   * The client was heard by a heartbeat.
   *
   * @param answered it was the answer to one, which the client received behind everything before it
   */
  heartbeat(link: Link, window: DeliveryWindow, answered: boolean, now: Millis): void {
    if (answered && link.proof === 'markers') {
      window.heardPast(this.#heartbeatWrittenAt(link, now))
    }
    this.#heartbeatAt = now
    this.#heardAt = now
  }

  /**
   * At the earliest: after the answer to the one before, and, where the interval is known, so much
   * later. Engine.IO counts the interval from the turn of the loop in which the answer was read,
   * which is earlier than this was told of it.
   */
  #heartbeatWrittenAt({ heartbeatInterval }: Link, now: Millis): Millis {
    const expected = this.#heartbeatAt + heartbeatInterval - LONGEST_TURN
    return expected > this.#heartbeatAt && expected <= now ? expected : this.#heartbeatAt
  }

  /** A marker is written; what was heard before is no sign that the client reads on. */
  asks({ heard }: Link): void {
    this.#heard = heard
  }

  /** Notices what the client and the kernel did since the last time. */
  look(link: Link, window: DeliveryWindow, stallAfter: Millis, now: Millis): void {
    const taken = link.progressed()
    if (isIdle(link, window) || (window.blind && taken > 0)) this.progressAt = now
    if (link.outstanding === 0) this.#kernel = undefined
    else if (this.#kernel) this.#kernel.took(taken, link.taken, now)
    else this.#kernel = new KernelProgress(link.taken, now)
    this.isExcused(link, now)
    if (link.heard === this.#heard) return
    this.#heard = link.heard
    this.#heardAt = now
    // well before it would be closed as stalled
    window.heard(now, stallAfter / 2, this.progressAt)
  }

  /**
   * Whether the client may be between two transports, and is not judged by its progress: once for as
   * long as Engine.IO gives an upgrade, from the first attempt on, since a client may go on trying.
   */
  isExcused(link: Link, now: Millis): boolean {
    if (!link.upgrading) return false
    this.#upgrade ??= { since: now, excusedAt: now }
    const isExcused = now - this.#upgrade.since < link.upgradeTimeout
    if (isExcused) this.#upgrade.excusedAt = now
    return isExcused
  }

  /** When the client will have to be closed; undefined if nothing that is known leads to it. */
  sentence(
    buffered: Bytes,
    link: Link,
    window: DeliveryWindow,
    limits: Limits,
    now: Millis,
  ): Sentence | undefined {
    const stalled = this.stalledAt(link, window, limits, now)
    const byKernel = isByKernel(link, window)
    const takesAll = byKernel && !this.#kernel
    if (buffered > limits.limit && !takesAll) {
      return { code: 'over-limit', at: Math.max(stalled, this.since + limits.grace) }
    }
    // whoever polls takes what waits and polls again, however often it is heard otherwise
    if (link.proof === 'itself') {
      return isIdle(link, window) ? undefined : { code: 'stalled', at: stalled }
    }
    if (byKernel && !takesAll) return { code: 'stalled', at: stalled }
    if (window.blind || window.waitsSince === undefined) return undefined
    const asked = Math.max(window.waitsSince, this.#heardAt)
    if (!takesAll) return { code: 'stalled', at: Math.max(stalled, asked + limits.stallAfter) }
    // of one that may be blind, a heartbeat is the first that is heard
    const since = Math.max(asked + intervalOf(link), this.#excusedAt)
    return { code: 'stalled', at: since + limits.stallAfter }
  }

  /**
   * The same for one that has more than `watermarks.emergency` buffered, and so is given no long time
   * to take something, unless it may be one that answers no markers, which is rarely seen to do so.
   *
   * @param hasTaken it has taken something of what is behind
   */
  emergency(
    hasTaken: boolean,
    link: Link,
    window: DeliveryWindow,
    limits: Limits,
    now: Millis,
  ): Sentence {
    const explained = window.awaited / (hasTaken ? SLOWEST : SLOWEST_FIRST_ANSWER)
    const answers = !window.blind && window.path.minRtt !== undefined
    const patience = answers ? emergencyPatience(limits) : limits.stallAfter
    return { code: 'emergency', at: this.#silentSince(link, window, now) + patience + explained }
  }

  /** When there will have been no progress for longer than what is in flight explains. */
  stalledAt(link: Link, window: DeliveryWindow, { stallAfter }: Limits, now: Millis): Millis {
    if (!isByKernel(link, window)) {
      return this.#silentSince(link, window, now) + stallAfter + window.longestAnswer
    }
    const movedAt = this.#kernel?.movedAt ?? now
    const since = window.isAnswered ? Math.max(movedAt, this.progressAt) : movedAt
    return Math.max(since + this.#longestPause(link, window), this.#excusedAt) + stallAfter
  }

  /** Since when there has been no progress, and nothing that excuses it. */
  #silentSince(link: Link, window: DeliveryWindow, now: Millis): Millis {
    return Math.max(now - this.sinceProgress(link, window, now), this.#excusedAt)
  }

  get #excusedAt(): Millis {
    return this.#upgrade?.excusedAt ?? Number.NEGATIVE_INFINITY
  }

  /**
   * How long a client may take to read what its kernel socket has. Only of one that lives: that was
   * heard since it was asked, and goes on being heard as often as heartbeats are due. Whoever has
   * answered markers shows by them that it reads.
   */
  #longestPause(link: Link, window: DeliveryWindow): Millis {
    if (!this.#kernel || window.isAnswered) return window.longestAnswer
    if (!window.blind && this.#heardAt <= (window.waitsSince ?? 0)) return window.longestAnswer
    const { movedAt, readBy } = this.#kernel
    return Math.max(0, Math.min(readBy, this.#heardAt + intervalOf(link)) - movedAt)
  }

  /** Time without progress; 0 if nothing is outstanding. */
  sinceProgress(link: Link, window: DeliveryWindow, now: Millis): Millis {
    return isIdle(link, window) ? 0 : now - this.progressAt
  }

  /**
   * How long the client owes a proof of progress: since its latest one, or since it was asked. What
   * a healthy client was sent is unproven for seconds, since it is rarely asked.
   */
  stalledFor(link: Link, window: DeliveryWindow, now: Millis): Millis {
    const since = this.sinceProgress(link, window, now)
    if (window.blind || link.proof === 'itself') return since
    return window.waitsSince === undefined ? 0 : Math.min(since, now - window.waitsSince)
  }
}

/** How long a client that has too much buffered may take nothing. */
export function emergencyPatience({ stallAfter }: Limits): Millis {
  return EMERGENCY_SHARE * stallAfter
}

/** 0.8 s by default: with a look every 100 ms, and another one 100 ms later, about a second. */
const EMERGENCY_SHARE = 0.08
/** 64 KB/s: a client that is slower, and has taken nothing yet, is taken for one that takes nothing. */
const SLOWEST_FIRST_ANSWER: BytesPerMilli = 64

/** Of the event loop. */
const LONGEST_TURN: Millis = 1000

/** Whether what counts is what the kernel takes: nothing else shows that the client reads. */
function isByKernel({ proof }: Link, window: DeliveryWindow): boolean {
  return proof !== 'itself' && (window.blind || !window.isAnswered)
}

function intervalOf({ heartbeatInterval }: Link): Millis {
  return Number.isNaN(heartbeatInterval) ? 0 : heartbeatInterval
}

/** Whether nothing is outstanding. */
function isIdle(link: Link, window: DeliveryWindow): boolean {
  return window.blind ? link.outstanding === 0 : window.inFlight === 0
}
