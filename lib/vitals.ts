import type { Limits } from './limits.ts'
import type { Link } from './link/link.ts'
import type { EnforcedClosing } from './outcomes.ts'
import type { Bytes, Millis } from './units.ts'
import type { DeliveryWindow } from './window.ts'

/**
 * The signs of life of one client, and what they say of its backlog. A client is judged by
 * progress: that it answers markers, however slowly, or, if it answers none, that its kernel
 * socket takes something.
 */
export class Vitals {
  /** When the client last took something, or nothing was outstanding. */
  progressAt: Millis
  readonly #since: Millis
  /** Bytes heard from the client, and when they last grew. */
  #heard: Bytes = 0
  #heardAt: Millis
  #heartbeatAt: Millis

  constructor(now: Millis) {
    this.#since = now
    this.progressAt = now
    this.#heardAt = now
    this.#heartbeatAt = now
  }

  /** An answered heartbeat was written one interval after the one before was answered. */
  heartbeat(link: Link, window: DeliveryWindow, now: Millis): void {
    if (!link.upgrading) window.heardPast(this.#heartbeatAt + link.heartbeatInterval)
    this.#heartbeatAt = now
    this.#heardAt = now
  }

  /** Notices what the client and the kernel did since the last time. */
  look(link: Link, window: DeliveryWindow, stallAfter: Millis, now: Millis): void {
    const taken = link.progressed()
    if (window.blind ? taken || link.outstanding === 0 : window.inFlight === 0) {
      this.progressAt = now
    }
    if (link.heard === this.#heard) return
    this.#heard = link.heard
    this.#heardAt = now
    // well before it would be closed as stalled
    if (!link.upgrading) window.heard(now, stallAfter / 2)
  }

  /** Whether the client has to be closed, and why. Not to be asked during an upgrade. */
  verdict(
    buffered: Bytes,
    window: DeliveryWindow,
    limits: Limits,
    now: Millis,
  ): EnforcedClosing | undefined {
    if (!this.stalled(window, limits, now)) return undefined
    const inGrace = now - this.#since < limits.grace
    if (buffered > limits.limit) return inGrace ? undefined : 'over-limit'
    const asked = Math.max(window.waitsSince ?? now, this.#heardAt)
    return now - asked >= limits.stallAfter ? 'stalled' : undefined
  }

  /** Whether there was no progress for longer than what is in flight explains. */
  stalled(window: DeliveryWindow, { stallAfter }: Limits, now: Millis): boolean {
    return now - this.progressAt >= stallAfter + window.longestAnswer
  }
}
