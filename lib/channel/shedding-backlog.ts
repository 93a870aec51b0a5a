import type { Limits } from '../base/limits.ts'
import type { MessageOutcome, ShedOutcome } from '../base/outcomes.ts'
import { Tally } from '../base/tally.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Link } from '../link/link.ts'
import type { Envelope } from '../message/envelope.ts'
import type { NamespaceSocket } from '../telemetry/client-identity.ts'
import type { DecayingRate } from '../telemetry/decaying-rate.ts'
import { diagnoseMessage } from '../telemetry/diagnostics.ts'
import { highNow, lowNow } from '../window/congestion.ts'
import type { DeliveryWindow } from '../window/delivery-window.ts'
import type { HostOf } from './channel-host.ts'
import type { Delivery } from './delivery.ts'
import type { Lane } from './lane.ts'
import { Lanes, NO_LANES } from './lanes.ts'
import { NamespaceSockets } from './namespace-sockets.ts'
import { type LastShed, ShedRecord } from './shed-record.ts'

/** A client that loses more than this share of its messages is losing; path noise costs less. */
const LOSING = 0.1

/**
 * What is buffered for one client: queued in its lanes, and in flight. Decides when that is too much
 * (congestion), sheds cosmetic messages, and counts what became of each message.
 */
export abstract class SheddingBacklog<L extends Link = Link> {
  readonly id: string
  readonly delivery: Delivery<L>
  /** The shared empty lanes, or own ones while something waits. */
  lanes: Lanes = NO_LANES
  /** The Socket.IO sockets of the client; some may have left their namespaces. */
  readonly sockets = new NamespaceSockets()
  /** Buffered bytes rose above `high` and have not fallen below `low` since. */
  congested = false
  protected readonly host: HostOf<SheddingBacklog<L>>
  protected record: ShedRecord | undefined
  #watched = false

  constructor(id: string, delivery: Delivery<L>, host: HostOf<SheddingBacklog<L>>) {
    this.id = id
    this.delivery = delivery
    this.host = host
  }

  get link(): L {
    return this.delivery.link
  }

  get window(): DeliveryWindow {
    return this.delivery.window
  }

  get critical(): Lane {
    return this.lanes.critical
  }

  get cosmetic(): Lane {
    return this.lanes.cosmetic
  }

  get connectedAt(): Millis {
    return this.delivery.since
  }

  /** Bytes not known to be delivered. */
  get buffered(): Bytes {
    return this.lanes.bytes + this.delivery.unproven
  }

  get queued(): Bytes {
    return this.lanes.bytes
  }

  /** Estimated memory that the process holds for the client, shared or not. */
  get held(): Bytes {
    return this.lanes.cost + this.link.cost
  }

  /** Messages by outcome so far. */
  get tally(): Tally {
    const tally = new Tally()
    if (this.record) tally.add(this.record.tally)
    tally.sent = this.delivery.sent
    tally.sentBytes = this.delivery.sentBytes
    return tally
  }

  /** Messages shed so far; in mode `observe`, messages that `enforce` would have shed. */
  get shed(): number {
    return this.record?.shedMessages ?? 0
  }

  get lastShed(): LastShed | undefined {
    return this.record?.lastShed
  }

  /** How often the client has left congestion, if it has. */
  get drains(): DecayingRate | undefined {
    return this.record?.drains
  }

  /** Share of recent messages that was shed, or in mode `observe` would have been; 0 to 1. */
  lossShare(now: Millis): number {
    return this.record?.lossShare(this.delivery.sent, now) ?? 0
  }

  /** Whether many messages are shed, or in mode `observe` would be; congested or not. */
  isLosing(now: Millis): boolean {
    return this.lossShare(now) > LOSING
  }

  protected get waits(): boolean {
    return !this.lanes.empty
  }

  /** Most bytes that the window lets be in flight. */
  get ceiling(): Bytes {
    return this.delivery.ceiling(this.host.limits)
  }

  /** Bytes buffered above which the client is congested now. */
  highNow(now: Millis): Bytes {
    const { limits } = this.host
    return highNow(limits, this.window, this.#waited(limits, now), now)
  }

  protected isAbove(buffered: Bytes, limits: Limits, now: Millis): boolean {
    return buffered > limits.high && buffered > this.highNow(now)
  }

  /** How long the next cosmetic message has waited; in mode `observe`, the bytes ahead of it. */
  #waited({ mode }: Limits, now: Millis): Millis {
    if (mode === 'observe') return this.window.unprovenFor(now)
    const { since } = this.cosmetic
    return since === undefined ? 0 : now - since
  }

  protected enqueue(envelope: Envelope): void {
    if (this.lanes === NO_LANES) this.lanes = new Lanes(this.host.heldBytes)
    this.lanes.push(envelope, this.sockets.in(envelope.namespace))
  }

  /** While a client is congested, admits a cosmetic message only if others can be shed for it. */
  protected admits(
    envelope: Envelope,
    growth: Bytes,
    replaced: Envelope | undefined,
    now: Millis,
  ): boolean {
    if (!this.congested || growth <= 0) return true
    const evicted = this.lanes.makeRoom(envelope.rule, growth, replaced)
    for (const each of evicted ?? [envelope]) this.countShed(each, 'dropped', now)
    return evicted !== undefined
  }

  /** Sheds every message that is too old, also for a client that takes nothing. O(messages). */
  protected expire(now: Millis): void {
    const { maxAge } = this.host.limits
    for (const envelope of this.cosmetic.takeIf((each) => each.expired(now, maxAge))) {
      this.countShed(envelope, 'expired', now)
    }
  }

  protected countShed(envelope: Envelope, outcome: ShedOutcome, now: Millis): void {
    const record = this.ownRecord()
    record.noteLoss(this.delivery.sent, now)
    this.count(envelope, outcome)
    record.shed(envelope, outcome, this.buffered, this.window, now)
    // an application may wait for `drain`
    if (!this.waits) this.link.emptied()
  }

  /** Counts a message that mode `enforce` would have shed. */
  protected countObserved(envelope: Envelope, now: Millis): void {
    const record = this.ownRecord()
    record.noteLoss(this.delivery.sent, now)
    envelope.rule.tally.countObserved(envelope.bytes)
    record.tally.countObserved(envelope.bytes)
    diagnoseMessage(this.id, envelope, 'observed')
  }

  protected countSent({ rule, bytes }: Envelope, now: Millis): void {
    this.record?.noteSent(this.delivery.sent, now)
    rule.tally.count('sent', bytes)
  }

  protected count(envelope: Envelope, outcome: Exclude<MessageOutcome, 'sent'>): void {
    envelope.rule.tally.count(outcome, envelope.bytes)
    this.ownRecord().tally.count(outcome, envelope.bytes)
    diagnoseMessage(this.id, envelope, outcome)
  }

  /** Counts a message as undelivered. Socket.IO offers more until it notices that the client is gone. */
  protected refuse(
    envelope: Envelope,
    socket: NamespaceSocket | undefined = this.sockets.in(envelope.namespace),
  ): 'refused' {
    this.ownRecord().undelivered.count(envelope, socket ?? envelope.namespace)
    this.count(envelope, 'undelivered')
    return 'refused'
  }

  protected ownRecord(): ShedRecord {
    this.record ??= new ShedRecord()
    return this.record
  }

  protected enterCongestion(now: Millis): void {
    if (this.congested) return
    this.congested = true
    this.ownRecord().episodeAt(this.window, now).congestedAt = now
    this.watch(now)
    this.host.congested(this)
  }

  /**
   * Congestion ends below `low`, or when nothing waits and the window has room: on a long path a
   * client that keeps up has more than `low` in flight. Expired and dropped messages do not end it:
   * the client must have taken something since. An episode of shedding without congestion ends here,
   * too.
   */
  protected recover(now: Millis): void {
    const { record, congested: wasCongested } = this
    const episode = record?.episode
    if (!episode) return
    const { limits } = this.host
    const { buffered, waits } = this
    const isHeld = waits || !this.delivery.hasRoom(1, waits, limits, now)
    if (isHeld && (!wasCongested || this.#isBehind(buffered, limits, now))) return
    const isUnproven = wasCongested && buffered > 0
    const { blind } = this.window
    if (isUnproven && !blind && this.delivery.progressAt <= episode.congestedAt) return
    this.congested = false
    record.episode = undefined
    if (wasCongested) {
      record.drained(now)
      this.host.meters.drains++
    }
    this.host.recovered(this, episode, now, wasCongested)
  }

  #isBehind(buffered: Bytes, limits: Limits, now: Millis): boolean {
    if (buffered < limits.low) return false
    return buffered >= lowNow(limits, this.window, this.#waited(limits, now), now)
  }

  protected watch(now: Millis): void {
    if (this.#watched) return
    this.#watched = true
    // nothing was buffered until now
    this.delivery.progressAt = now
    this.host.watch(this)
  }

  /** Ends the watch of a client with nothing queued and nothing in flight. */
  protected unwatch(): void {
    if (!this.#watched) return
    this.#watched = false
    this.lanes = NO_LANES
    this.host.unwatch(this)
  }
}
