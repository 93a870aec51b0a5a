import type { Limits } from '../base/limits.ts'
import type { ClosingCode, EnforcedClosing } from '../base/outcomes.ts'
import type { Millis } from '../base/units.ts'
import type { Link, LinkEvents } from '../link/link.ts'
import type { Envelope } from '../message/envelope.ts'
import type { NamespaceSocket } from '../telemetry/client-identity.ts'
import type { Untold } from '../telemetry/shed-episode.ts'
import { DeliveryWindow } from '../window/delivery-window.ts'
import type { HostOf } from './channel-host.ts'
import { Delivery } from './delivery.ts'
import { MessageScheduler } from './message-scheduler.ts'
import { type Remainder, remainderOf } from './remainder.ts'
import { type Sentence, sentenceOf, stalledAt } from './sentence.ts'

/** What a channel needs from its surroundings. */
export type ChannelHost = HostOf<Channel>

/** The share of `stallAfter` after which a client is said to be stalling. */
const STALLING = 0.25

/**
 * One client from its connection to its end: takes what is offered to it, reacts to what its link
 * tells, is judged from time to time, and closes. One object with the scheduler and the backlog that
 * it extends, since a server has thousands.
 */
export class Channel<L extends Link = Link> extends MessageScheduler<L> implements LinkEvents {
  closedBy: ClosingCode | undefined
  /** Never closed for the budget. */
  exempt = false

  constructor(
    id: string,
    link: L,
    host: HostOf<Channel<L>>,
    now: Millis,
    window = new DeliveryWindow(),
  ) {
    super(id, new Delivery(link, window, now), host as HostOf<unknown>)
    // Engine.IO has written to it already
    if (this.buffered > 0) this.watch(now)
  }

  /** Socket.IO tells the client that it has joined a namespace. */
  join(joined: NamespaceSocket): void {
    this.sockets.join(joined, this.lanes)
  }

  /** The client was connected before the server was attached to. */
  adopt(sockets: Iterable<NamespaceSocket>, connectedAt: Millis): void {
    for (const socket of sockets) this.join(socket)
    this.delivery.adopt(connectedAt)
  }

  /** A message was emitted to it, and waited for its slice when the connection went. */
  missed(envelope: Envelope): void {
    if (this.phase === 'closed') this.refuse(envelope)
    // behind what was queued before it
    else this.enqueue(envelope)
  }

  /** Whether there is anything to do for it when the transport can take more. */
  get active(): boolean {
    return (
      this.waits ||
      this.phase !== 'open' ||
      this.record?.episode !== undefined ||
      this.link.immediate
    )
  }

  /** Sends what waits, as far as link and window allow it, and goes on with its end, if it is ending. */
  pump(now: Millis): void {
    if (this.isPumping || this.phase === 'terminated' || this.phase === 'closed') return
    if (this.waits) this.sendWaiting(now)
    this.flush(now)
    switch (this.phase) {
      case 'closing':
        if (this.critical.empty) this.link.close()
        return
      case 'told':
        return
      case 'retiring':
        if (this.#endIfTaken(now)) return
    }
    this.#settle(now)
  }

  #settle(now: Millis): void {
    this.recover(now)
    if (this.buffered === 0 && !this.record?.episode) this.unwatch()
  }

  /** Writes what was handed over in this tick, or what had to wait because of its budget. */
  serve(now: Millis): void {
    if (this.phase === 'closed') return
    if (this.waits) this.pump(now)
    else this.flush(now)
  }

  answered(sequence: number, now: Millis, waited = this.host.loopDelay.at(now)): void {
    if (this.closedBy !== undefined) return
    const { meters, scheduler } = this.host
    if (this.delivery.answered(sequence, now, waited, meters.onLatency)) {
      // while it was blind, what is in flight did not count
      if (this.window.inFlight > 0) this.watch(now)
      const { rtt, rate } = this.window.path
      if (rtt !== undefined) meters.rtt.record(rtt)
      if (rate !== undefined) meters.rate.record(rate)
    }
    // thousands of answers may come in one turn; what misses the response to a poll waits for the next
    if (this.waits && !this.window.atOnce && scheduler.spent(now)) {
      scheduler.add(this, !this.critical.empty)
    } else this.pump(now)
  }

  responded(behind: number, now: Millis): number {
    return this.window.marked(now, behind)
  }

  heartbeat(answered: boolean, now: Millis): void {
    this.delivery.heartbeat(answered, now)
    if (this.link.isFlooded && this.host.limits.mode === 'enforce') this.terminate('over-limit')
    else this.pump(now)
  }

  upgraded(): void {
    this.delivery.upgraded(this.host.now())
  }

  disconnected(): void {
    this.host.disconnected(this)
  }

  /**
   * Looks after the client from time to time: progress, lost drain signals, limits.
   *
   * @returns why it has to be closed, if it has
   */
  inspect(now: Millis): EnforcedClosing | undefined {
    const limits = this.host.limitsFor(this)
    this.delivery.look(limits.stallAfter, now)
    this.expire(now)
    this.pump(now)
    if (this.closedBy !== undefined) return undefined
    if (this.window.tailDue(now)) this.delivery.mark(now)
    if (limits.mode === 'observe') return undefined
    const sentence = this.#sentence(limits, now)
    return sentence && now >= sentence.at ? sentence.code : undefined
  }

  /** Until it is closed, if it makes no progress; undefined if nothing leads to that. */
  closesIn(now: Millis): Millis | undefined {
    const limits = this.host.limitsFor(this)
    if (this.closedBy !== undefined) return 0
    if (limits.mode === 'observe') return undefined
    const sentence = this.#sentence(limits, now)
    return sentence && Math.max(0, sentence.at - now)
  }

  #sentence(limits: Limits, now: Millis): Sentence | undefined {
    const { delivery, buffered, surplus } = this
    if (this.isEnding) return { code: 'stalled', at: stalledAt(delivery, limits, now) }
    return sentenceOf(delivery, buffered, surplus, limits, now)
  }

  /** It owes a proof of progress for so long that it may be gone: well before it is closed for it. */
  isStalling(now: Millis): boolean {
    return this.delivery.stalledFor(now) >= STALLING * this.host.limits.stallAfter
  }

  /**
   * What was shed since it was last told of, if that is so long ago; it counts as told. Not while the
   * client has taken nothing since, or something critical waits: what it is told would pile up.
   */
  tellShed(every: Millis, now: Millis): Untold | undefined {
    const episode = this.record?.episode
    if (!episode?.isDue(every, now) || !this.critical.empty || this.isEnding) return undefined
    if (!this.delivery.hasTaken(episode.toldAt, episode.toldSequence)) return undefined
    return episode.tell(now, this.window.lastSequence)
  }

  /** Closes after what is queued and critical, as Engine.IO does after its own buffer. */
  close(now: Millis): void {
    if (!this.#catchUp()) return
    this.phase = 'closing'
    this.watch(now)
    this.pump(now)
  }

  closes(now: Millis): void {
    const isRetired = this.phase === 'retiring' || this.phase === 'told'
    if (isRetired || !this.#catchUp()) this.link.flush()
    // as without the plugin, all that was emitted before goes first
    else if (this.host.limits.mode === 'enforce') this.link.writeLast(() => this.release(now))
  }

  /**
   * The server shuts down: tells the client to close as soon as everything critical was taken, what
   * is emitted meanwhile too.
   */
  retire(now: Millis): void {
    if (!this.#catchUp()) return
    this.phase = 'retiring'
    this.watch(now)
    this.pump(now)
  }

  /** @returns whether the client was told to close; its answer to a marker proves all before it */
  #endIfTaken(now: Millis): boolean {
    const { link } = this
    if (!this.critical.empty || link.outstanding > 0) return false
    this.delivery.markLast(now)
    const isTold = link.end()
    if (isTold && this.phase === 'retiring') this.phase = 'told'
    return isTold
  }

  /**
   * Closes at once, as the application asked: without what the client can't take now, which plain
   * Engine.IO discards too, but not without what waits only for its slice.
   */
  discard(now: Millis): void {
    this.host.catchUp(this)
    this.pump(now)
    if (this.phase === 'open') this.phase = 'closing'
    else if (this.phase === 'retiring') this.phase = 'told'
    this.link.close(true)
  }

  /** `closed` follows. */
  terminate(code: EnforcedClosing): void {
    if (this.closedBy !== undefined) return
    this.closedBy = code
    this.phase = 'terminated'
    // who leaves a namespace from now on was closed
    this.sockets.forgetLeft(this.lanes)
    this.link.terminate()
  }

  /** The connection is gone: accounts for what was left, and lets go of it. */
  closed(): Remainder {
    const isTerminated = this.closedBy !== undefined
    const isRetired = this.phase === 'retiring' || this.phase === 'told'
    // whoever is told of what was left may emit
    this.phase = 'closed'
    this.lanes.clear((envelope, socket) => this.refuse(envelope, socket))
    const record = this.ownRecord()
    const { undelivered } = record
    if (!isTerminated && undelivered.messages > 0) this.closedBy = isRetired ? 'shutdown' : 'gone'
    record.episode = undefined
    this.congested = false
    this.due = 'no'
    this.unwatch()
    return remainderOf(this.sockets, undelivered, this.closedBy, isTerminated, this.window)
  }

  /** Offers what waits for its slice. @returns whether it is still open then */
  #catchUp(): boolean {
    if (!this.isEnding) this.host.catchUp(this)
    return !this.isEnding
  }
}
