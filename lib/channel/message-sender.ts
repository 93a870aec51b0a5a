import type { SendState } from '../base/outcomes.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Link } from '../link/link.ts'
import type { Due } from '../loop/ready-queue.ts'
import { isLikelyAlone, NO_TICK, recordOf, type TickRecord } from '../loop/tick-record.ts'
import type { TurnMember } from '../loop/turn-scheduler.ts'
import type { Envelope } from '../message/envelope.ts'
import { diagnoseMessage } from '../telemetry/diagnostics.ts'
import type { Phase } from './phase.ts'
import { SheddingBacklog } from './shedding-backlog.ts'

/**
 * Sends one client its messages: at once, when its slice of the event loop comes, or, of what waits
 * in the lanes, when the link and the window allow it. Critical messages leave first, in the order of
 * their arrival; then cosmetic ones, the highest rank first.
 */
export abstract class MessageSender<L extends Link = Link>
  extends SheddingBacklog<L>
  implements TurnMember
{
  due: Due = 'no'
  protected phase: Phase = 'open'
  /** The latest marker at the most recent offer for which the client had caught up. */
  protected clearSequence = 0
  #tickRecord: TickRecord = NO_TICK
  #pumping = false
  #corked = false

  abstract serve(now: Millis): void

  /** Whether the next queued message (or a cosmetic one, if none waits) may go now; if not, why. */
  state(now: Millis): SendState {
    if (this.isEnding) return 'closed'
    const { limits } = this.host
    const isCosmetic = limits.mode === 'enforce' && this.critical.empty
    const next = this.lanes.peek()
    return next
      ? this.delivery.stateFor(next.bytes, isCosmetic, true, limits, now)
      : this.delivery.windowStateFor(1, isCosmetic, false, limits, now)
  }

  /** Whether the client is sent nothing new any more. */
  protected get isEnding(): boolean {
    return this.phase !== 'open' && this.phase !== 'retiring'
  }

  /** Begins this client's slice: messages offered until `uncork` leave in one write. */
  cork(): void {
    this.#corked = true
  }

  uncork(now: Millis): void {
    this.#corked = false
    this.serve(now)
  }

  /** Whether an immediate write has to wait, since this turn's budget of the event loop is spent. */
  protected mustWait(critical: boolean): boolean {
    const { scheduler } = this.host
    if (this.#corked || !this.link.immediate || !scheduler.spent(this.host.now())) return false
    scheduler.add(this, critical)
    return true
  }

  /** Sends queued messages in one batch, as far as link and window allow. */
  protected sendWaiting(now: Millis): void {
    this.#pumping = true
    try {
      this.link.batch(() => {
        this.#drain(now)
        this.#expireOverdue(now)
        this.awaitRoom(now)
      })
    } finally {
      this.#pumping = false
    }
  }

  protected get isPumping(): boolean {
    return this.#pumping
  }

  /** Sheds expired messages of lower ranks, whose turn may not come while higher ones follow. */
  #expireOverdue(now: Millis): void {
    const { maxAge } = this.host.limits
    for (;;) {
      const overdue = this.cosmetic.shiftOverdue(now, maxAge)
      if (!overdue) return
      this.countShed(overdue, 'expired', now)
    }
  }

  #drain(now: Millis): void {
    while (this.phase !== 'terminated' && this.link.ending !== 'shut') {
      const lane = this.critical.empty ? this.cosmetic : this.critical
      const next = lane.peek()
      if (!next) return
      const { limits } = this.host
      const isCosmetic = lane === this.cosmetic
      if (isCosmetic) this.#probe(next.bytes, now)
      const state = this.delivery.stateFor(next.bytes, isCosmetic, true, limits, now)
      if (state === 'blocked' || state === 'windowed') return
      if (isCosmetic && this.isEnding) return
      lane.shift()
      // the age that counts is the one when the path will carry the message
      const isLate = next.expired(now + this.window.queueDelay(now), limits.maxAge)
      if (isLate) this.countShed(next, 'expired', now)
      else this.send(next, now)
    }
  }

  /** Measures the round trip before a message that waits, if that is due. */
  #probe(bytes: Bytes, now: Millis): void {
    const { delivery, link, window } = this
    const isDue = link.waiting === 0 && window.probeDue(now, true, bytes)
    if (isDue && link.hasRoom(bytes)) delivery.mark(now)
  }

  /** Sees to it that an answer, a timer or a turn of the loop resumes sending. */
  protected awaitRoom(now: Millis): void {
    const next = this.cosmetic.peek()
    if (!next || this.window.blind || !this.critical.empty) return
    const { limits, scheduler } = this.host
    if (!this.delivery.hasRoom(next.bytes, true, limits, now)) this.window.hold()
    this.delivery.markIfDue(true, limits, now)
    const at = this.delivery.roomAt(next.bytes, limits, now)
    if (at === Number.POSITIVE_INFINITY) return
    if (at > now) this.host.wake(this, at)
    else if (!this.#pumping && this.link.hasRoom(next.bytes)) scheduler.add(this, false)
  }

  /** Sends queued messages, and writes those handed over. */
  abstract pump(now: Millis): void

  /** Hands over all queued messages at once, as plain Socket.IO would have. */
  release(now: Millis): void {
    if (this.phase === 'terminated' || this.phase === 'closed') return
    if (this.link.ending === 'shut') return
    // a closing connection takes nothing after the critical messages
    for (const lane of this.isEnding ? [this.critical] : [this.critical, this.cosmetic]) {
      for (let envelope = lane.shift(); envelope; envelope = lane.shift()) {
        this.send(envelope, now)
      }
    }
    if (this.isEnding) this.pump(now)
    else this.flush(now)
  }

  protected send(envelope: Envelope, now: Millis): void {
    const { delivery, link } = this
    const { bytes, rule } = envelope
    if (link.waiting === 0 && this.#markerIsDueBefore(bytes, now)) delivery.mark(now)
    this.countSent(envelope, now)
    this.watch(now)
    const isCritical = rule.class === 'critical'
    const isSampled = isCritical && this.host.meters.sampler.take(now)
    delivery.write(envelope, isSampled ? envelope.emittedAt : undefined, now)
    // messages that the link keeps get their marker with the flush
    if (link.pending === 0 || this.#pumping) {
      delivery.markIfDue(this.waits, this.host.limits, now)
    } else if (!this.#corked && !this.#writeAlone(envelope)) {
      // `pump` and `uncork` flush themselves
      this.host.scheduler.add(this, isCritical)
    }
    // last, since a subscriber may emit further messages
    diagnoseMessage(this.id, envelope, 'sent')
  }

  /** An answer from ahead of a long message shows progress long before one from behind it. */
  #markerIsDueBefore(bytes: Bytes, now: Millis): boolean {
    if (this.window.probeDue(now, false, bytes)) return true
    return bytes > this.host.limits.low && this.window.lastSequence === this.clearSequence
  }

  /**
   * One message is written where it is emitted, several when the tick ends, in one system call.
   * Attachments follow their header when the tick ends, as Engine.IO sends them.
   */
  #writeAlone({ parts }: Envelope): boolean {
    const { scheduler } = this.host
    const tick = scheduler.tick()
    const isAlone = isLikelyAlone(this.#tickRecord, tick)
    this.#tickRecord = recordOf(this.#tickRecord, tick)
    if (!isAlone || parts.length > 1 || this.due !== 'no') return false
    const now = this.host.now()
    if (scheduler.spent(now)) return false
    this.delivery.flush(this.waits, this.host.limits, now, true)
    return true
  }

  protected flush(now: Millis): void {
    this.delivery.flush(this.waits, this.host.limits, now)
  }
}
