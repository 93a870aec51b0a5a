import type { Limits } from '../base/limits.ts'
import type { EnforcedClosing } from '../base/outcomes.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Link } from '../link/link.ts'
import type { Envelope } from '../message/envelope.ts'
import type { Rule } from '../message/rule.ts'
import { conductOf, EmergencyAllowance } from './emergency-allowance.ts'
import { MessageSender } from './message-sender.ts'
import { ObservedBacklog } from './observed-backlog.ts'
import { pathDelay } from './predicted-wait.ts'

/** What became of an offered message. `refused`: its client is closed or being closed; undelivered. */
export type Verdict = 'sent' | 'queued' | 'conflated' | 'dropped' | 'expired' | 'refused'

/**
 * Decides when each message for one client leaves. On the direct path (nothing waits, the link has
 * room) a message is handed to the link where it is offered; everything else waits in the lanes and
 * leaves when the link, the window or the turn of the event loop allows it.
 *
 * Invariants: critical messages leave in the order in which they were offered; cosmetic ones only
 * when no critical one waits, those of a higher rank first, and of one rank in that order.
 */
export abstract class MessageScheduler<L extends Link = Link> extends MessageSender<L> {
  /** The rule of the latest message offered. */
  lastRule: Rule | undefined
  /** Growth while the client has not caught up; made when that begins to matter. */
  protected allowance: EmergencyAllowance | undefined
  /** The turn of the event loop in which the client had last caught up. */
  #clearTurn = 0
  /** The backlog as mode `enforce` would have it; made in mode `observe`. */
  #observed: ObservedBacklog | undefined

  /** Closes at once, with everything that is queued. */
  abstract terminate(code: EnforcedClosing): void

  /** Sends, queues or sheds a message. */
  offer(envelope: Envelope, now: Millis): Verdict {
    if (this.isEnding) return this.refuse(envelope)
    if (this.link.ending !== undefined) return this.#offerLate(envelope, now)
    return this.#accept(envelope, now)
  }

  /** Hands a message to a closing transport, with the same result as without the plugin. */
  #offerLate(envelope: Envelope, now: Millis): Verdict {
    if (this.link.ending === 'last') {
      this.send(envelope, now)
      return 'sent'
    }
    this.refuse(envelope)
    this.link.writeInVain(envelope)
    return 'refused'
  }

  /**
   * Sends a recovered client a critical message that it missed. Cosmetic ones are out of date and count
   * as expired; mode `observe` sends and counts them. Replays never close a client, however large.
   */
  replay(envelope: Envelope, now: Millis): void {
    const { mode, low } = this.host.limits
    if (this.isEnding) this.refuse(envelope)
    else if (mode === 'observe') this.offer(envelope, now)
    else if (envelope.rule.class === 'cosmetic') {
      this.countShed(envelope, 'expired', now)
      this.watch(now)
    } else {
      const { buffered } = this
      if (buffered > low) this.allowanceOf(buffered, now).exempt += envelope.bytes
      this.offer(envelope, now)
    }
  }

  #accept(envelope: Envelope, now: Millis): Verdict {
    const { buffered } = this
    this.host.meters.buffered.record(buffered)
    this.lastRule = envelope.rule
    const { limits } = this.host
    if (buffered <= limits.low) this.#noteClear()
    if (limits.mode === 'observe') return this.#acceptObserved(envelope, buffered, limits, now)
    const verdict =
      envelope.rule.class === 'cosmetic'
        ? this.#acceptCosmetic(envelope, buffered, limits, now)
        : this.#acceptCritical(envelope, buffered, limits, now)
    if (verdict === 'queued' && this.host.overfull) this.host.relieve(now)
    return verdict
  }

  /** @param before bytes buffered without it */
  #acceptCritical(envelope: Envelope, before: Bytes, limits: Limits, now: Millis): Verdict {
    const { bytes } = envelope
    const buffered = before + bytes
    // a message of any size may be sent to a client that has caught up
    if (before > limits.low && !this.#mayTake(bytes, before, limits, now)) {
      this.terminate('emergency')
      return this.refuse(envelope)
    }
    if (buffered > limits.emergency) {
      this.allowanceOf(buffered, now)
      this.host.lookClosely(this)
    }
    const isDisconnect = envelope.kind === 'disconnect'
    // what was queued before a DISCONNECT must not be overtaken by it
    if (isDisconnect) this.lanes.promote(envelope.namespace)
    const isDirect = this.critical.empty && this.link.hasRoom(bytes) && !this.mustWait(true)
    if (isDirect) this.send(envelope, now)
    else {
      this.enqueue(envelope)
      this.watch(now)
    }
    if (this.isAbove(buffered, limits, now)) this.enterCongestion(now)
    if (isDisconnect) {
      this.#leaveNamespace(envelope.namespace)
      this.pump(now)
    }
    return isDirect ? 'sent' : 'queued'
  }

  #acceptCosmetic(envelope: Envelope, before: Bytes, limits: Limits, now: Millis): Verdict {
    this.recover(now)
    // a broadcast may have waited for its slice
    if (envelope.expired(now, limits.maxAge)) {
      this.countShed(envelope, 'expired', now)
      this.watch(now)
      return 'expired'
    }
    const replaced = this.cosmetic.conflatable(envelope)
    const growth = envelope.bytes - (replaced?.bytes ?? 0)
    const isAbove = this.isAbove(before + growth, limits, now)
    // a message of any size may be sent to a client that has caught up
    if (isAbove && before > limits.low) this.enterCongestion(now)
    if (!this.admits(envelope, growth, replaced, now)) return 'dropped'
    const verdict = this.#admitCosmetic(envelope, replaced, limits, now)
    if (isAbove) this.enterCongestion(now)
    return verdict
  }

  #admitCosmetic(
    envelope: Envelope,
    replaced: Envelope | undefined,
    limits: Limits,
    now: Millis,
  ): Verdict {
    if (!this.congested && this.#isClear(envelope.bytes, limits, now)) {
      this.send(envelope, now)
      return 'sent'
    }
    if (replaced) {
      this.lanes.conflate(envelope, this.sockets.in(envelope.namespace))
      this.countShed(replaced, 'conflated', now)
      return 'conflated'
    }
    this.enqueue(envelope)
    this.watch(now)
    this.awaitRoom(now)
    return 'queued'
  }

  /** Sends a message, and counts it if `enforce` would have shed it. */
  #acceptObserved(envelope: Envelope, before: Bytes, limits: Limits, now: Millis): Verdict {
    const { rule, bytes } = envelope
    // messages queued before the mode was changed
    if (this.waits) this.release(now)
    this.recover(now)
    if (this.isAbove(before + bytes, limits, now)) this.enterCongestion(now)
    const { window } = this
    this.#observed ??= new ObservedBacklog()
    this.#observed.advance(this.delivery.sentBytes - before, before, window, limits, now)
    if (rule.class === 'critical') this.#observed.admit(bytes)
    else if (
      this.#observed.sheds(envelope, before, pathDelay(this.delivery, now), window, limits, now)
    ) {
      this.countObserved(envelope, now)
    }
    if (envelope.kind === 'disconnect') this.#leaveNamespace(envelope.namespace)
    this.send(envelope, now)
    return 'sent'
  }

  #isClear(bytes: Bytes, limits: Limits, now: Millis): boolean {
    if (this.waits) return false
    const state = this.delivery.stateFor(bytes, true, false, limits, now)
    return (state === 'ready' || state === 'blind') && !this.mustWait(false)
  }

  /** Removes the socket of a namespace; while messages wait, it stays until another one joins. */
  #leaveNamespace(name: string): void {
    const socket = this.sockets.in(name)
    if (socket && !this.waits) this.sockets.remove(socket, this.lanes)
  }

  #noteClear(): void {
    this.#clearTurn = this.host.scheduler.turn()
    this.clearSequence = this.window.lastSequence
    if (this.allowance) this.allowance = undefined
  }

  /** @param exempt bytes buffered when the allowance is made, which do not count */
  protected allowanceOf(exempt: Bytes, now: Millis): EmergencyAllowance {
    this.allowance ??= new EmergencyAllowance(now, this.clearSequence, this.#clearTurn, exempt)
    return this.allowance
  }

  /** Whether a client that has not caught up may be sent `bytes` more. */
  #mayTake(bytes: Bytes, before: Bytes, { emergency, stallAfter }: Limits, now: Millis): boolean {
    const { delivery, host } = this
    const allowance = this.allowanceOf(before, now)
    if (allowance.covers(before + bytes, bytes, host.scheduler.turn(), emergency)) return true
    const own = host.limitsFor(this)
    // the look may show that the client answers no markers; bytes in flight do not count then
    delivery.look(own.stallAfter, now)
    const total = this.buffered + bytes
    if (total <= emergency + allowance.exempt) return true
    const isGivenLonger = delivery.isExcused(now) || own.stallAfter > stallAfter
    const loopDelay = host.loopDelay.at(now)
    return allowance.grow(
      total,
      conductOf(delivery, allowance, own, isGivenLonger, loopDelay, now),
      now,
    )
  }
}
