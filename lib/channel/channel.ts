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
import { type DueClosing, dueClosing, stalledAt } from './stalling.ts'

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
  /** The budget never closes this client. */
  exempt = false

  constructor(
    id: string,
    link: L,
    host: HostOf<Channel<L>>,
    now: Millis,
    window = new DeliveryWindow(),
  ) {
    super(id, new Delivery(link, window, now), host)
    // Engine.IO has already written the handshake
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

  /** Takes a broadcast that waited for its slice of the event loop when the connection went. */
  missed(envelope: Envelope): void {
    if (this.phase === 'closed') this.refuse(envelope)
    // earlier messages stay ahead of it
    else this.enqueue(envelope)
  }

  /** Whether `pump` has anything to do when the transport can take more. */
  get active(): boolean {
    return (
      this.waits ||
      this.phase !== 'open' ||
      this.record?.episode !== undefined ||
      this.link.immediate
    )
  }

  /** Sends queued messages as far as link and window allow, then advances a close under way. */
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

  /** Writes the messages of this tick, and those that waited for a slice of the event loop. */
  serve(now: Millis): void {
    if (this.phase === 'closed') return
    if (this.waits) this.pump(now)
    else this.flush(now)
  }

  answered(sequence: number, now: Millis, waited = this.host.loopDelay.at(now)): void {
    if (this.closedBy !== undefined) return
    const { meters, scheduler } = this.host
    if (this.delivery.answered(sequence, now, waited, meters.onLatency)) {
      // bytes in flight did not count while the client was blind
      if (this.window.inFlight > 0) this.watch(now)
      const { rtt, rate } = this.window.path
      if (rtt !== undefined) meters.rtt.record(rtt)
      if (rate !== undefined) meters.rate.record(rate)
    }
    // thousands of answers may come in one turn; a poll is served at once, since the next may be far off
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
   * Checks progress and limits, and sends what a lost drain signal has left in the queue.
   *
   * @returns the reason to close the client, if there is one
   */
  inspect(now: Millis): EnforcedClosing | undefined {
    const limits = this.host.limitsFor(this)
    this.delivery.look(limits.stallAfter, now)
    this.expire(now)
    this.pump(now)
    if (this.closedBy !== undefined) return undefined
    if (this.window.tailDue(now)) this.delivery.mark(now)
    if (limits.mode === 'observe') return undefined
    const closing = this.#dueClosing(limits, now)
    return closing && now >= closing.at ? closing.code : undefined
  }

  /** Milliseconds until the client is closed without further progress; undefined if it will not be. */
  closesIn(now: Millis): Millis | undefined {
    const limits = this.host.limitsFor(this)
    if (this.closedBy !== undefined) return 0
    if (limits.mode === 'observe') return undefined
    const closing = this.#dueClosing(limits, now)
    return closing && Math.max(0, closing.at - now)
  }

  #dueClosing(limits: Limits, now: Millis): DueClosing | undefined {
    const { delivery, buffered, allowance } = this
    if (this.isEnding) return { code: 'stalled', at: stalledAt(delivery, limits, now) }
    return dueClosing(delivery, buffered, allowance, limits, now)
  }

  /** Whether a proof of progress is overdue, well before the client is closed for it. */
  isStalling(now: Millis): boolean {
    return this.delivery.stalledFor(now) >= STALLING * this.host.limits.stallAfter
  }

  /**
   * Messages shed since the last notice, if that was `every` milliseconds ago; they count as told. A
   * client that has taken nothing since, or waits for a critical message, is told later: notices would
   * pile up.
   */
  tellShed(every: Millis, now: Millis): Untold | undefined {
    const episode = this.record?.episode
    if (!episode?.isDue(every, now) || !this.critical.empty || this.isEnding) return undefined
    if (!this.delivery.hasTaken(episode.toldAt, episode.toldSequence)) return undefined
    return episode.tell(now, this.window.lastSequence)
  }

  /** Closes after the queued critical messages, as Engine.IO closes after its own buffer. */
  close(now: Millis): void {
    if (!this.#catchUp()) return
    this.phase = 'closing'
    this.watch(now)
    this.pump(now)
  }

  closes(now: Millis): void {
    const isRetired = this.phase === 'retiring' || this.phase === 'told'
    if (isRetired || !this.#catchUp()) this.link.flush()
    // without the plugin, everything emitted before leaves first, too
    else if (this.host.limits.mode === 'enforce') this.link.writeLast(() => this.release(now))
  }

  /**
   * The server shuts down: tells the client to close as soon as it has taken every critical message,
   * including those emitted meanwhile.
   */
  retire(now: Millis): void {
    if (!this.#catchUp()) return
    this.phase = 'retiring'
    this.watch(now)
    this.pump(now)
  }

  /** @returns whether the client was told to close; its answer to the last marker proves receipt */
  #endIfTaken(now: Millis): boolean {
    const { link } = this
    if (!this.critical.empty || link.outstanding > 0) return false
    this.delivery.markLast(now)
    const isTold = link.end()
    if (isTold && this.phase === 'retiring') this.phase = 'told'
    return isTold
  }

  /**
   * Closes at once, as the application asked. Messages that the client can't take now are discarded,
   * as plain Engine.IO does; those that only wait for a slice of the event loop are sent.
   */
  discard(now: Millis): void {
    this.host.catchUp(this)
    this.pump(now)
    if (this.phase === 'open') this.phase = 'closing'
    else if (this.phase === 'retiring') this.phase = 'told'
    this.link.close(true)
  }

  /** Ends the connection without sending the queue; `closed` follows. */
  terminate(code: EnforcedClosing): void {
    if (this.closedBy !== undefined) return
    this.closedBy = code
    this.phase = 'terminated'
    // sockets that leave from now on leave because of this
    this.sockets.forgetLeft(this.lanes)
    this.link.terminate()
  }

  /** The connection is gone: counts undelivered messages, and releases the queue. */
  closed(): Remainder {
    const isTerminated = this.closedBy !== undefined
    const isRetired = this.phase === 'retiring' || this.phase === 'told'
    // a subscriber that hears of undelivered messages may emit
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

  /** Offers broadcasts that wait for a slice. @returns whether the client is still open then */
  #catchUp(): boolean {
    if (!this.isEnding) this.host.catchUp(this)
    return !this.isEnding
  }
}
