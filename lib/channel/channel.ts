import type { Limits } from '../base/limits.ts'
import type {
  ClosingCode,
  EnforcedClosing,
  MessageOutcome,
  SendState,
  ShedOutcome,
} from '../base/outcomes.ts'
import { Tally } from '../base/tally.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Link, LinkEvents } from '../link/link.ts'
import type { Due } from '../loop/ready-queue.ts'
import type { TurnMember } from '../loop/turn-scheduler.ts'
import type { Envelope } from '../message/envelope.ts'
import { HeldBytes } from '../message/held-bytes.ts'
import type { Rule } from '../message/rule.ts'
import type { NamespaceSocket } from '../telemetry/client-identity.ts'
import { DecayingRate } from '../telemetry/decaying-rate.ts'
import { diagnoseMessage } from '../telemetry/diagnostics.ts'
import { LossShare } from '../telemetry/loss-share.ts'
import type { Meters } from '../telemetry/meters.ts'
import { ShedEpisode, type Untold } from '../telemetry/shed-episode.ts'
import { Undelivered } from '../telemetry/undelivered.ts'
import { ceilingOf, highNow, lowNow } from '../window/congestion.ts'
import { DeliveryWindow } from '../window/delivery-window.ts'
import { Lane } from './lane.ts'
import { NamespaceSockets } from './namespace-sockets.ts'
import { ObservedBacklog } from './observed-backlog.ts'
import { type Owner, Owners } from './owners.ts'
import { pathDelay } from './predicted-wait.ts'
import { Surplus } from './surplus.ts'
import { emergencyPatience, type Sentence, Vitals } from './vitals.ts'

/** What became of an offered message. `refused`: its client is closed or being closed; undelivered. */
export type Verdict = 'sent' | 'queued' | 'conflated' | 'dropped' | 'expired' | 'refused'

/** What a channel needs from its surroundings. None of these may throw. */
export interface ChannelHost {
  readonly limits: Limits
  readonly meters: Meters
  readonly heldBytes: HeldBytes
  /** The channel has something that needs looking after from time to time. */
  watch(channel: Channel): void
  unwatch(channel: Channel): void
  /** Whether the process holds so much that clients have to go at once, and not with the next sweep. */
  readonly overfull: boolean
  relieve(now: Millis): void
  /** Asks for a `pump` at an instant; of several, the earliest counts. */
  wake(channel: Channel, at: Millis): void
  /** Offers what was emitted to it and waits only for its slice. */
  catchUp(channel: Channel): void
  /** Asks for `serve` when the tick ends, or in one of the next turns of the loop. */
  handedOver(channel: Channel, critical: boolean): void
  /** The same number until this turn of the loop ends. */
  turn(): number
  /** The limits by which a client is judged: some are given longer. */
  limitsFor(channel: Channel): Limits
  /** It has more buffered than may be, but for what it takes: it needs to be looked at often. */
  lookClosely(channel: Channel): void
  readonly loopDelay: { at(now: Millis): Millis }
  now(): Millis
  /** Whether this turn's share of the loop is spent. */
  spent(now: Millis): boolean
  /** The same number until this tick ends. */
  tick(): number
  disconnected(channel: Channel): void
  congested(channel: Channel): void
  /** The client has caught up after it was congested or something was shed. */
  recovered(channel: Channel, episode: ShedEpisode, now: Millis, wasCongested: boolean): void
}

/** The share of `stallAfter` after which a client is said to be stalling. */
const STALLING = 0.25
/**
 * The share of what it is offered above which a client is said to be losing: above what the noise of
 * a path costs a client at worst that keeps up.
 */
const LOSING = 0.1

/** In place of lanes of its own, which a client that keeps up never needs. */
const EMPTY = new Lane(new HeldBytes())

export interface LastShed {
  readonly event: string
  readonly namespace: string
  readonly outcome: ShedOutcome
  readonly at: Millis
  readonly age: Millis
  /** How long the path needed for what was buffered, if that was known. */
  readonly pathNeed: Millis | null
}

/** One of the sockets of a closed client. */
export interface LeftSocket {
  readonly socket: NamespaceSocket
  /** It was in its namespace until the client was closed. */
  readonly stayed: boolean
}

/** What a closed client had not received, as far as it is known. */
export interface Left {
  readonly sockets: readonly LeftSocket[]
  /** None if there is nothing to tell of it. */
  readonly code: ClosingCode | undefined
  /** Queued or refused; what is refused later is added to it. */
  readonly undelivered: Undelivered
  /** Sent, receipt not proven; null if that can't be known. */
  readonly inFlight: Bytes | null
}

/**
 * One client's scheduler. States: open, retiring (the server shuts down: as open, until everything
 * critical was taken and the client is told to close), closing (the application asked for it; what
 * is queued goes first), closed. While open, the direct path (nothing waits, the link has room) hands over
 * to the link inside `offer`, and `serve` writes it; everything else goes through the lanes and leaves in `pump`.
 *
 * Invariants: critical messages leave in the order in which they were offered; cosmetic ones only
 * when no critical one waits, those of a higher rank first, and of one rank in that order.
 */
export class Channel implements TurnMember, LinkEvents {
  readonly id: string
  readonly link: Link
  readonly window: DeliveryWindow
  critical: Lane = EMPTY
  cosmetic: Lane = EMPTY
  /** Its Socket.IO sockets; some may have left their namespaces. */
  readonly sockets = new NamespaceSockets()
  /** Above `high`, and not below `low` since. */
  congested = false
  lastShed: LastShed | undefined
  /** Of the latest message that it was offered. */
  lastRule: Rule | undefined
  /** How often it has left congestion; made when it first does. */
  drains: DecayingRate | undefined
  closedBy: ClosingCode | undefined
  /** Never closed for the budget. */
  exempt = false
  due: Due = 'no'
  readonly vitals: Vitals
  readonly #host: ChannelHost
  #sent = 0
  #sentBytes: Bytes = 0
  /** Of what was not simply sent; made when the first such message comes. */
  #rest: Tally | undefined
  /** Made when the first message is shed. */
  #losses: LossShare | undefined
  /** Made when something first waits for a socket. */
  #owners: Owners | undefined
  /** Set from congestion or the first shed message until the client has caught up. */
  #episode: ShedEpisode | undefined
  /** The latest tick in which something was sent, and how many messages. */
  #tick = 0
  #inTick = 1
  /** When the first message was emitted of those whose latency the next marker tells. */
  #criticalAt: Millis | undefined
  /** Made in mode observe. */
  #shadow: ObservedBacklog | undefined
  /** Of the latest time that it had caught up when it was offered something: turn and marker. */
  #clearTurn = 0
  #clearSequence = 0
  /** From then on until it has caught up again; made when that begins to matter. */
  #surplus: Surplus | undefined
  /** By these limits, since the latest answer: every message is asked for it, and only they change it. */
  #ceiling: Bytes = 0
  #ceilingFor: Limits | undefined
  /** What it was not sent before it was closed, and since; made with the first such message. */
  #undelivered: Undelivered | undefined
  #closing = false
  /** Its connection is gone. */
  #closed = false
  #retiring = false
  #pumping = false
  #corked = false
  #watched = false

  constructor(
    id: string,
    link: Link,
    host: ChannelHost,
    now: Millis,
    window = new DeliveryWindow(),
  ) {
    this.id = id
    this.link = link
    this.window = window
    this.window.blind = link.proof === 'none'
    this.window.atOnce = link.proof === 'itself'
    this.vitals = new Vitals(now)
    this.#host = host
    // Engine.IO has written to it already
    if (this.buffered > 0) this.#watch(now)
  }

  get connectedAt(): Millis {
    return this.vitals.since
  }

  /** Bytes not known to be delivered. */
  get buffered(): Bytes {
    const { blind, inFlight } = this.window
    const { outstanding } = this.link
    return this.queued + (blind ? outstanding : Math.max(inFlight, outstanding))
  }

  get queued(): Bytes {
    return this.critical.bytes + this.cosmetic.bytes
  }

  /** Memory that the process holds for it, shared or not, as estimated. */
  get held(): Bytes {
    return this.critical.cost + this.cosmetic.cost + this.link.cost + (this.#owners?.cost ?? 0)
  }

  /** Messages shed so far, and those that would have been but for mode observe. */
  get shed(): number {
    return this.#rest ? this.#rest.shed + this.#rest.observed : 0
  }

  /** Messages that were sent or shed so far. */
  get #offered(): number {
    return this.#sent + (this.#rest?.shed ?? 0)
  }

  /** What became of its messages so far. */
  get tally(): Tally {
    const tally = new Tally()
    if (this.#rest) tally.add(this.#rest)
    tally.sent = this.#sent
    tally.sentBytes = this.#sentBytes
    return tally
  }

  state(now: Millis): SendState {
    if (this.#isEnding) return 'closed'
    const next = this.critical.peek() ?? this.cosmetic.peek()
    if (next && !this.link.hasRoom(next.bytes)) return 'blocked'
    if (this.window.blind) return 'blind'
    if (this.#host.limits.mode === 'observe' || !this.critical.empty) return 'ready'
    return this.#windowHasRoom(next?.bytes ?? 1, now) ? 'ready' : 'windowed'
  }

  /** Socket.IO tells the client that it has joined a namespace. */
  join(joined: NamespaceSocket): void {
    this.sockets.join(joined, this.#owners)
  }

  /** The client was connected before the server was attached to. */
  adopt(sockets: Iterable<NamespaceSocket>, connectedAt: Millis): void {
    for (const socket of sockets) this.join(socket)
    this.vitals.adopt(connectedAt)
  }

  /** Its socket in a namespace, if it is in it now. */
  socketIn(namespace: string): NamespaceSocket | undefined {
    const socket = this.sockets.in(namespace)
    return socket?.connected ? socket : undefined
  }

  /** Whether it is in any namespace now. */
  get isConnected(): boolean {
    return this.sockets.anyConnected(this.#owners)
  }

  offer(envelope: Envelope, now: Millis): Verdict {
    if (this.#isEnding) return this.#refuse(envelope)
    if (this.link.ending !== undefined) return this.#offerLate(envelope, now)
    const { buffered } = this
    this.#host.meters.buffered.record(buffered)
    this.lastRule = envelope.rule
    const { low, mode } = this.#host.limits
    if (buffered <= low) this.#noteClear()
    if (mode === 'observe') return this.#offerObserved(envelope, buffered, now)
    const verdict =
      envelope.rule.class === 'cosmetic'
        ? this.#offerCosmetic(envelope, buffered, now)
        : this.#offerCritical(envelope, buffered, now)
    if (verdict === 'queued' && this.#host.overfull) this.#host.relieve(now)
    return verdict
  }

  /**
   * Sends again what a client that has come back missed, if it is critical; the rest is out of date
   * and counts as expired, in mode observe as what would have expired. However much that is, it is no
   * reason to close the client once more.
   */
  replay(envelope: Envelope, now: Millis): void {
    if (this.#isEnding) this.#refuse(envelope)
    else if (this.#host.limits.mode === 'observe') this.offer(envelope, now)
    else if (envelope.rule.class === 'cosmetic') {
      this.#shed(envelope, 'expired', now)
      this.#watch(now)
    } else {
      const { buffered } = this
      if (buffered > this.#host.limits.low) this.#surplusOf(buffered, now).exempt += envelope.bytes
      this.offer(envelope, now)
    }
  }

  /** Whether there is anything to do for it when the transport can take more. */
  get active(): boolean {
    return (
      this.#waits ||
      this.#closing ||
      this.#retiring ||
      this.#episode !== undefined ||
      this.link.immediate
    )
  }

  /** Sends what waits, as far as link and window allow it. */
  pump(now: Millis): void {
    if (this.#pumping || this.closedBy !== undefined) return
    if (this.#waits) {
      this.#pumping = true
      try {
        this.link.batch(() => {
          this.#drain(now)
          this.#expireOverdue(now)
          this.#await(now)
        })
      } finally {
        this.#pumping = false
      }
    }
    this.#flush(now)
    if (this.#closing) {
      if (this.critical.empty && !this.#retiring) this.link.close()
      return
    }
    if (this.#retiring && this.#endIfTaken(now)) return
    this.#settle(now)
  }

  /** What is offered from here to `uncork` leaves in one write: it is this client's slice. */
  cork(): void {
    this.#corked = true
  }

  uncork(now: Millis): void {
    this.#corked = false
    this.serve(now)
  }

  /** Was emitted to it, and waited for its slice when the connection went. */
  missed(envelope: Envelope): void {
    if (this.#closed) this.#refuse(envelope)
    // behind what was queued before it
    else if (envelope.rule.class === 'critical') this.#queueCritical(envelope)
    else this.#queueCosmetic(envelope)
  }

  /** Writes what was handed over in this tick, or what had to wait because of its budget. */
  serve(now: Millis): void {
    if (this.#closed) return
    if (this.#waits) this.pump(now)
    else this.#flush(now)
  }

  /** A marker was answered: so much was received. */
  answered(sequence: number, now: Millis, waited = this.#host.loopDelay.at(now)): void {
    if (this.closedBy !== undefined) return
    const { meters } = this.#host
    if (this.window.answered(sequence, now, waited, meters.onLatency)) {
      this.#ceilingFor = undefined
      this.vitals.progressAt = now
      // while it was blind, what is in flight did not count
      if (this.window.inFlight > 0) this.#watch(now)
      const { rtt, rate } = this.window.path
      if (rtt !== undefined) meters.rtt.record(rtt)
      if (rate !== undefined) meters.rate.record(rate)
    }
    // thousands of answers may come in one turn; what misses the response to a poll waits for the next
    if (this.#waits && !this.window.atOnce && this.#host.spent(now))
      this.#host.handedOver(this, !this.critical.empty)
    else this.pump(now)
  }

  /** Polling: a response was written, all but `behind` bytes; the next poll answers for it. */
  responded(behind: Bytes, now: Millis): number {
    return this.window.marked(now, behind)
  }

  heartbeat(answered: boolean, now: Millis): void {
    this.vitals.heartbeat(this.link, this.window, answered, now)
    if (this.link.isFlooded && this.#host.limits.mode === 'enforce') {
      this.terminate('over-limit')
      return
    }
    this.pump(now)
  }

  disconnected(): void {
    this.#host.disconnected(this)
  }

  upgraded(): void {
    this.window.atOnce = this.link.proof === 'itself'
    if (this.link.proof === 'none') this.window.giveUp()
    else this.window.upgraded()
    // nobody answers markers of the transport before
    if (this.window.waitsSince !== undefined) this.#mark(this.#host.now())
  }

  /** Looks after the client from time to time: progress, lost drain signals, limits. */
  inspect(now: Millis): EnforcedClosing | undefined {
    const { link, window, vitals } = this
    const limits = this.#host.limitsFor(this)
    vitals.look(link, window, limits.stallAfter, now)
    this.#expire(now)
    this.pump(now)
    if (this.closedBy !== undefined) return undefined
    if (window.tailDue(now)) this.#mark(now)
    if (limits.mode === 'observe') return undefined
    if (this.#closing) {
      return now >= vitals.stalledAt(link, window, limits, now) ? 'stalled' : undefined
    }
    const sentence = this.#sentence(limits, now)
    return sentence && now >= sentence.at ? sentence.code : undefined
  }

  /** Until it is closed, if it makes no progress; undefined if nothing leads to that. */
  closesIn(now: Millis): Millis | undefined {
    const { link, window, vitals } = this
    const limits = this.#host.limitsFor(this)
    if (this.closedBy !== undefined) return 0
    if (limits.mode === 'observe') return undefined
    const at = this.#closing
      ? vitals.stalledAt(link, window, limits, now)
      : this.#sentence(limits, now)?.at
    return at === undefined ? undefined : Math.max(0, at - now)
  }

  #sentence(limits: Limits, now: Millis): Sentence | undefined {
    const { link, window, vitals, buffered } = this
    const sentence = vitals.sentence(buffered, link, window, limits, now)
    if (buffered <= limits.emergency || !this.#surplus) return sentence
    const hasTaken = this.#hasTaken(this.#surplus)
    const emergency = vitals.emergency(hasTaken, link, window, limits, now)
    return sentence && sentence.at < emergency.at ? sentence : emergency
  }

  /** Time without progress; 0 if nothing is outstanding. */
  sinceProgress(now: Millis): Millis {
    return this.vitals.sinceProgress(this.link, this.window, now)
  }

  /** How long it owes a proof of progress. */
  stalledFor(now: Millis): Millis {
    return this.vitals.stalledFor(this.link, this.window, now)
  }

  /** For so long that it may be gone: well before it is closed for it. */
  isStalling(now: Millis): boolean {
    return this.stalledFor(now) >= STALLING * this.#host.limits.stallAfter
  }

  /** Of what it was offered lately, the share that was shed, or in mode observe would have been. */
  lossShare(now: Millis): number {
    return this.#losses?.share(this.#offered, this.shed, now) ?? 0
  }

  /** Much of what it is offered is shed, or in mode observe would be; congested or not. */
  isLosing(now: Millis): boolean {
    return this.lossShare(now) > LOSING
  }

  /**
   * What was shed since it was last told of, if that is so long ago; it counts as told. Not while the
   * client has taken nothing since, or something critical waits: what it is told would pile up.
   */
  tellShed(every: Millis, now: Millis): Untold | undefined {
    const episode = this.#episode
    if (!episode?.isDue(every, now) || !this.critical.empty || this.#isEnding) return undefined
    const { toldAt: since, toldSequence: sequence } = episode
    if (!this.#hasTaken({ since, sequence })) return undefined
    return episode.tell(now, this.window.lastSequence)
  }

  /** Closes after what is queued and critical, as Engine.IO does after its own buffer. */
  close(now: Millis): void {
    if (!this.#catchUp()) return
    this.#closing = true
    this.#retiring = false
    this.#watch(now)
    this.pump(now)
  }

  /** As without the plugin, all that was emitted before goes first. */
  closes(now: Millis): void {
    if (this.#retiring || !this.#catchUp()) this.link.flush()
    else if (this.#host.limits.mode === 'enforce') this.link.writeLast(() => this.release(now))
  }

  /**
   * The server shuts down: tells the client to close as soon as everything critical was taken, what
   * is emitted meanwhile too.
   */
  retire(now: Millis): void {
    if (!this.#catchUp()) return
    this.#retiring = true
    this.#watch(now)
    this.pump(now)
  }

  /**
   * Closes at once, as the application asked: without what the client can't take now, which plain
   * Engine.IO discards too, but not without what waits only for its slice.
   */
  discard(now: Millis): void {
    this.#host.catchUp(this)
    this.pump(now)
    this.#closing = true
    this.link.close(true)
  }

  /** Closes at once, with everything that is queued; `closed` follows. */
  terminate(code: EnforcedClosing): void {
    if (this.closedBy !== undefined) return
    this.closedBy = code
    // who leaves a namespace from now on was closed
    this.sockets.forgetLeft(this.#owners)
    this.link.terminate()
  }

  /** The connection is gone: accounts for what was left, and lets go of it. */
  closed(): Left {
    const terminated = this.closedBy !== undefined
    // whoever is told of what was left may emit
    this.#closing = true
    this.#closed = true
    for (const lane of [this.critical, this.cosmetic]) {
      while (!lane.empty) {
        const { owner } = lane
        this.#refuse(lane.shift()!, owner?.socket)
      }
    }
    this.#undelivered ??= new Undelivered()
    const left = this.#undelivered
    if (this.closedBy === undefined && left.messages > 0) {
      this.closedBy = this.#retiring ? 'shutdown' : 'gone'
    }
    const inFlight = this.window.blind ? null : this.window.inFlight
    // one that has everything only did not answer in time
    const hasAll = this.closedBy === 'shutdown' && left.messages === 0 && inFlight === 0
    const code = hasAll ? undefined : this.closedBy
    const sockets = this.#leftSockets(terminated)
    this.congested = false
    this.due = 'no'
    this.#episode = undefined
    this.#unwatch()
    return { code, sockets, undelivered: left, inFlight }
  }

  #leftSockets(terminated: boolean): LeftSocket[] {
    const left: LeftSocket[] = []
    for (const socket of this.#undelivered?.addressees() ?? []) {
      if (typeof socket === 'string' || this.sockets.has(socket)) continue
      left.push({ socket, stayed: false })
    }
    for (const socket of this.sockets) left.push({ socket, stayed: terminated || socket.connected })
    return left
  }

  /** Hands everything over at once, as plain Socket.IO would have: the scheduler steps aside. */
  release(now: Millis): void {
    if (this.closedBy !== undefined || this.link.ending === 'shut') return
    // of one that is being closed the connection takes no more, once what is critical has gone
    for (const lane of this.#closing ? [this.critical] : [this.critical, this.cosmetic]) {
      for (let envelope = lane.shift(); envelope; envelope = lane.shift()) {
        this.#send(envelope, now)
      }
    }
    if (this.#closing) this.pump(now)
    else this.#flush(now)
  }

  /** Offers what waits for its slice. @returns whether it is still open then */
  #catchUp(): boolean {
    if (!this.#isEnding) this.#host.catchUp(this)
    return !this.#isEnding
  }

  /** Whether it is sent nothing new any more. */
  get #isEnding(): boolean {
    return this.#closing || this.closedBy !== undefined
  }

  /** It is handed over in any case: what comes of that is as without the plugin. */
  #offerLate(envelope: Envelope, now: Millis): Verdict {
    if (this.link.ending === 'last') {
      this.#send(envelope, now)
      return 'sent'
    }
    this.#refuse(envelope)
    this.link.writeInVain(envelope)
    return 'refused'
  }

  /** Socket.IO may offer it more until it has noticed that the client is gone. */
  #refuse(
    envelope: Envelope,
    socket: NamespaceSocket | undefined = this.sockets.in(envelope.namespace),
  ): 'refused' {
    this.#undelivered ??= new Undelivered()
    this.#undelivered.count(envelope, socket ?? envelope.namespace)
    this.#count(envelope, 'undelivered')
    return 'refused'
  }

  /** @param before bytes buffered without it */
  #offerCritical(envelope: Envelope, before: Bytes, now: Millis): Verdict {
    const { bytes } = envelope
    const buffered = before + bytes
    const { low, emergency } = this.#host.limits
    // a message of any size may be sent to a client that has caught up
    if (before > low && !this.#mayTake(bytes, before, now)) {
      this.terminate('emergency')
      return this.#refuse(envelope)
    }
    if (buffered > emergency) {
      this.#surplusOf(buffered, now)
      this.#host.lookClosely(this)
    }
    if (envelope.kind === 'disconnect') this.#promote(envelope.namespace)
    const direct = this.critical.empty && this.link.hasRoom(bytes) && !this.#mustWait(true)
    if (direct) this.#send(envelope, now)
    else {
      this.#queueCritical(envelope)
      this.#watch(now)
    }
    if (this.#isAbove(buffered, now)) this.#enterCongestion(now)
    if (envelope.kind === 'disconnect') {
      this.#leaveNamespace(envelope.namespace)
      this.pump(now)
    }
    return direct ? 'sent' : 'queued'
  }

  #noteClear(): void {
    this.#clearTurn = this.#host.turn()
    this.#clearSequence = this.window.lastSequence
    if (this.#surplus) this.#surplus = undefined
  }

  /** @param exempt what is buffered for it when it is first asked for */
  #surplusOf(exempt: Bytes, now: Millis): Surplus {
    this.#surplus ??= new Surplus(now, this.#clearSequence, this.#clearTurn, exempt)
    return this.#surplus
  }

  /** Whether it has taken something since then: of what was written behind that marker. */
  #hasTaken({ since, sequence }: Pick<Surplus, 'since' | 'sequence'>): boolean {
    const { window, vitals } = this
    return window.blind ? vitals.progressAt > since : window.hasAnsweredPast(sequence)
  }

  /** Whether a client that has not caught up may be sent so much more. */
  #mayTake(bytes: Bytes, before: Bytes, now: Millis): boolean {
    const surplus = this.#surplusOf(before, now)
    const { emergency } = this.#host.limits
    if (surplus.covers(before + bytes, bytes, this.#host.turn(), emergency)) return true
    const { link, window, vitals } = this
    const limits = this.#host.limitsFor(this)
    // what is in flight does not count if that shows that the client answers no markers
    vitals.look(link, window, limits.stallAfter, now)
    const total = this.buffered + bytes
    const { loopDelay } = this.#host
    if (total <= emergency + surplus.exempt) return true
    const isGivenLonger =
      vitals.isExcused(link, now) || limits.stallAfter > this.#host.limits.stallAfter
    const { minRtt } = window.path
    const patience = emergencyPatience(limits)
    // its page or machine may be busy
    const answerTime = Math.max(patience, 2 * ((minRtt ?? 0) + loopDelay.at(now)))
    const conduct = {
      progressAt: vitals.progressAt,
      patience,
      giveUp: limits.stallAfter,
      hasTaken: isGivenLonger || this.#hasTaken(surplus),
      isEarly: now - surplus.since < answerTime,
    }
    return surplus.grow(total, conduct, now)
  }

  #offerCosmetic(envelope: Envelope, before: Bytes, now: Millis): Verdict {
    this.#recover(now)
    // it has waited for its slice
    if (envelope.expired(now, this.#host.limits.maxAge)) {
      this.#shed(envelope, 'expired', now)
      this.#watch(now)
      return 'expired'
    }
    const replaced = this.cosmetic.conflatable(envelope)
    const growth = envelope.bytes - (replaced?.bytes ?? 0)
    const { low } = this.#host.limits
    const isAbove = this.#isAbove(before + growth, now)
    // a message of any size may be sent to a client that has caught up
    if (isAbove && before > low) this.#enterCongestion(now)
    if (this.congested && growth > 0 && !this.#makeRoom(envelope, growth, replaced, now)) {
      this.#shed(envelope, 'dropped', now)
      return 'dropped'
    }
    const verdict = this.#admitCosmetic(envelope, replaced, now)
    if (isAbove) this.#enterCongestion(now)
    return verdict
  }

  #admitCosmetic(envelope: Envelope, replaced: Envelope | undefined, now: Millis): Verdict {
    if (!this.congested && this.#isClear(envelope.bytes, now)) {
      this.#send(envelope, now)
      return 'sent'
    }
    if (replaced) {
      this.cosmetic.conflate(envelope.overtakable, this.#ownerOf(envelope))
      this.#shed(replaced, 'conflated', now)
      return 'conflated'
    }
    this.#queueCosmetic(envelope)
    this.#watch(now)
    this.#await(now)
    return 'queued'
  }

  #queueCritical(envelope: Envelope): void {
    if (this.critical === EMPTY) this.critical = new Lane(this.#host.heldBytes, 'arrival')
    this.critical.push(envelope, this.#ownerOf(envelope))
  }

  #queueCosmetic(envelope: Envelope): void {
    if (this.cosmetic === EMPTY) this.cosmetic = new Lane(this.#host.heldBytes)
    this.cosmetic.push(envelope.overtakable, this.#ownerOf(envelope))
  }

  /** Counts what `enforce` would have dropped or let expire, and sends it. */
  #offerObserved(envelope: Envelope, before: Bytes, now: Millis): Verdict {
    const { limits } = this.#host
    const { rule, bytes } = envelope
    // from before the mode was changed
    if (this.#waits) this.release(now)
    this.#recover(now)
    if (this.#isAbove(before + bytes, now)) this.#enterCongestion(now)
    this.#shadow ??= new ObservedBacklog()
    this.#shadow.advance(this.#sentBytes - before, before, this.window, limits, now)
    if (rule.class === 'critical') this.#shadow.admit(bytes)
    else if (this.#wouldShed(envelope, this.#shadow, before, now)) {
      this.#noteLoss(now)
      rule.tally.countObserved(bytes)
      this.#counted.countObserved(bytes)
      diagnoseMessage(this.id, envelope, 'observed')
    }
    if (envelope.kind === 'disconnect') this.#leaveNamespace(envelope.namespace)
    this.#send(envelope, now)
    return 'sent'
  }

  #wouldShed(envelope: Envelope, shadow: ObservedBacklog, before: Bytes, now: Millis): boolean {
    const { limits } = this.#host
    if (envelope.isReplay) return true
    // of what is ahead of it, this much would be
    const { rank } = envelope.rule
    const share = Math.min(1, shadow.ahead(rank) / Math.max(1, before))
    const late = envelope.expired(now + share * pathDelay(this, now), limits.maxAge)
    return late || shadow.drops(envelope.bytes, rank, before, this.window, limits, now)
  }

  #isClear(bytes: Bytes, now: Millis): boolean {
    return (
      this.critical.empty &&
      this.cosmetic.empty &&
      this.link.hasRoom(bytes) &&
      this.#windowHasRoom(bytes, now, false) &&
      !this.#mustWait(false)
    )
  }

  /** Of a client that takes nothing, so that its backlog is not of messages that will never go. */
  #expire(now: Millis): void {
    const { maxAge } = this.#host.limits
    for (const envelope of this.cosmetic.takeIf((each) => each.expired(now, maxAge))) {
      this.#shed(envelope, 'expired', now)
    }
  }

  /** Of the ranks whose turn has not come, and may not come while higher ones follow. */
  #expireOverdue(now: Millis): void {
    const { maxAge } = this.#host.limits
    for (;;) {
      const overdue = this.cosmetic.shiftOverdue(now, maxAge)
      if (!overdue) return
      this.#shed(overdue, 'expired', now)
    }
  }

  /** A link that writes at once has to wait for its slice when the turn's budget is spent. */
  #mustWait(critical: boolean): boolean {
    if (this.#corked || !this.link.immediate || !this.#host.spent(this.#host.now())) return false
    this.#host.handedOver(this, critical)
    return true
  }

  /**
   * While a client is congested a cosmetic message is admitted only in place of others, so that
   * its backlog can shrink but not grow: lower ranks first, then the oldest of its own rank if
   * its policy is to drop the oldest.
   *
   * @returns whether `bytes` were freed; if they can't be, nothing is evicted
   */
  #makeRoom(envelope: Envelope, bytes: Bytes, keep: Envelope | undefined, now: Millis): boolean {
    const { rank, drop } = envelope.rule
    const upTo = drop === 'oldest' ? rank : rank - 1
    const kept = keep !== undefined && keep.rule.rank <= upTo ? keep.bytes : 0
    if (this.cosmetic.evictable(upTo) - kept < bytes) return false
    for (let freed = 0; freed < bytes; ) {
      const evicted = this.cosmetic.evict(upTo, keep)
      if (!evicted) return false
      freed += evicted.bytes
      this.#shed(evicted, 'dropped', now)
    }
    return true
  }

  #drain(now: Millis): void {
    while (this.closedBy === undefined && this.link.ending !== 'shut') {
      const lane = this.critical.empty ? this.cosmetic : this.critical
      const next = lane.peek()
      if (!next) return
      if (!this.link.hasRoom(next.bytes)) return
      if (lane === this.cosmetic) {
        const isProbeDue = this.window.probeDue(now, true, next.bytes)
        if (this.link.waiting === 0 && isProbeDue) this.#mark(now)
        if (this.#closing || !this.#windowHasRoom(next.bytes, now)) return
      }
      lane.shift()
      // it is about to be sent; what counts is its age when the path will carry it
      const { maxAge } = this.#host.limits
      if (next.expired(now + this.window.queueDelay(now), maxAge)) this.#shed(next, 'expired', now)
      else this.#send(next, now)
    }
  }

  #send(envelope: Envelope, now: Millis): void {
    const { bytes, rule, emittedAt } = envelope
    if (this.link.waiting === 0 && this.#markerIsDueBefore(bytes, now)) this.#mark(now)
    this.#losses?.note(this.#offered, this.shed, now)
    this.#tally(envelope, 'sent')
    this.#watch(now)
    this.window.written(bytes, now)
    if (rule.class === 'critical' && this.#host.meters.sampler.take(now)) {
      this.#criticalAt ??= emittedAt
    }
    this.link.write(envelope)
    // what is kept gets its marker when it is flushed
    if (this.link.pending === 0 || this.#pumping) this.#markIfDue(now)
    // `pump` and `uncork` write it themselves
    else if (!this.#corked && !this.#writeAlone(envelope))
      this.#host.handedOver(this, rule.class === 'critical')
    // last: a subscriber may emit, and what it emits follows
    diagnoseMessage(this.id, envelope, 'sent')
  }

  /** Its answer tells that the client takes something long before that of one behind a long message. */
  #markerIsDueBefore(bytes: Bytes, now: Millis): boolean {
    if (this.window.probeDue(now, false, bytes)) return true
    return bytes > this.#host.limits.low && this.window.lastSequence === this.#clearSequence
  }

  /**
   * One message is written where it is emitted, several when the tick ends, in one system call. How
   * many there will be is guessed from the tick before. Attachments follow their header when the tick
   * ends, as Engine.IO sends them.
   */
  #writeAlone({ parts }: Envelope): boolean {
    const host = this.#host
    const tick = host.tick()
    if (tick === this.#tick) {
      this.#inTick++
      return false
    }
    const alone = this.#inTick === 1
    this.#tick = tick
    this.#inTick = 1
    if (!alone || parts.length > 1 || this.due !== 'no') return false
    const now = host.now()
    if (host.spent(now)) return false
    this.#flush(now)
    return true
  }

  #flush(now: Millis): void {
    const { pending } = this.link
    if (pending > 0) this.window.left(pending, now)
    this.#markIfDue(now)
    this.link.flush()
  }

  /** Not while the connection holds something back, which a marker would overtake. */
  #markIfDue(now: Millis, waits = this.#waits): void {
    if (this.link.waiting > 0) return
    const emittedAt = this.#criticalAt
    this.#criticalAt = undefined
    if (this.window.markerDue(now, waits, this.ceiling, emittedAt !== undefined)) {
      this.#mark(now, emittedAt)
    }
  }

  get #waits(): boolean {
    return !this.critical.empty || !this.cosmetic.empty
  }

  #windowHasRoom(bytes: Bytes, now: Millis, waiting = this.#waits): boolean {
    return this.window.hasRoom(bytes, now, this.ceiling, waiting)
  }

  /** Most bytes that its window lets be in flight. */
  get ceiling(): Bytes {
    const { limits } = this.#host
    if (limits !== this.#ceilingFor) {
      this.#ceiling = ceilingOf(limits, this.window)
      this.#ceilingFor = limits
    }
    return this.#ceiling
  }

  /** What a client that has so much buffered is judged by. */
  #isAbove(buffered: Bytes, now: Millis): boolean {
    return buffered > this.#host.limits.high && buffered > this.highNow(now)
  }

  /** Bytes buffered above which it is congested now. */
  highNow(now: Millis): Bytes {
    return highNow(this.#host.limits, this.window, this.#waited(now), now)
  }

  /** How long the next cosmetic message has waited; in mode observe, what is ahead of it. */
  #waited(now: Millis): Millis {
    if (this.#host.limits.mode === 'observe') return this.window.unprovenFor(now)
    const { since } = this.cosmetic
    return since === undefined ? 0 : now - since
  }

  /** Something waits: sees to it that an answer, a timer or its turn ends that. */
  #await(now: Millis): void {
    const next = this.cosmetic.peek()
    if (!next || this.window.blind || !this.critical.empty) return
    if (!this.#windowHasRoom(next.bytes, now)) this.window.hold()
    this.#markIfDue(now, true)
    const at = this.window.roomAt(next.bytes, now, this.ceiling)
    if (at === Number.POSITIVE_INFINITY) return
    if (at > now) this.#host.wake(this, at)
    else if (!this.#pumping && this.link.hasRoom(next.bytes)) this.#host.handedOver(this, false)
  }

  #mark(now: Millis, emittedAt?: Millis): void {
    const { link } = this
    if (link.proof !== 'markers') return
    if (this.window.waitsSince === undefined) this.vitals.asks(link)
    link.mark(this.window.marked(now, link.waiting, emittedAt))
  }

  /** A DISCONNECT follows what was queued before it in its namespace. */
  #promote(namespace: string): void {
    if (this.cosmetic.empty) return
    if (this.critical === EMPTY) this.critical = new Lane(this.#host.heldBytes, 'arrival')
    this.cosmetic.moveIf((each) => each.namespace === namespace, this.critical)
  }

  /** While something waits for it, it stays until another one joins. */
  #leaveNamespace(name: string): void {
    const socket = this.sockets.in(name)
    if (socket && !this.#waits) this.sockets.remove(socket, this.#owners)
  }

  /** The socket that a message is queued for: what is queued stays its own if another one joins. */
  #ownerOf({ namespace }: Envelope): Owner | undefined {
    const socket = this.sockets.in(namespace)
    if (!socket) return undefined
    this.#owners ??= new Owners(this.#host.heldBytes)
    return this.#owners.of(socket)
  }

  /** @returns whether the client was told to close; its answer to a marker proves all before it */
  #endIfTaken(now: Millis): boolean {
    const { link } = this
    if (!this.critical.empty || link.outstanding > 0) return false
    if (this.window.inFlight > 0) this.#mark(now, this.#criticalAt)
    this.#closing = link.end()
    return this.#closing
  }

  #shed(envelope: Envelope, outcome: ShedOutcome, now: Millis): void {
    this.#noteLoss(now)
    this.#count(envelope, outcome)
    const { event, namespace } = envelope.rule
    const { rate } = this.window.path
    const pathNeed = rate === undefined ? null : this.buffered / rate
    this.lastShed = { event, namespace, outcome, at: now, age: now - envelope.emittedAt, pathNeed }
    this.#episode ??= new ShedEpisode(now, this.window.lastSequence)
    this.#episode.count(envelope, outcome)
    // somebody may wait until nothing is held back any more
    if (!this.#waits) this.link.emptied()
  }

  /** Something is about to be counted as lost. */
  #noteLoss(now: Millis): void {
    if (this.#losses) this.#losses.note(this.#offered, this.shed, now)
    else this.#losses = new LossShare(this.#offered, this.shed, now)
  }

  #count(envelope: Envelope, outcome: MessageOutcome): void {
    this.#tally(envelope, outcome)
    diagnoseMessage(this.id, envelope, outcome)
  }

  #tally(envelope: Envelope, outcome: MessageOutcome): void {
    envelope.rule.tally.count(outcome, envelope.bytes)
    if (outcome === 'sent') {
      this.#sent++
      this.#sentBytes += envelope.bytes
    } else this.#counted.count(outcome, envelope.bytes)
  }

  get #counted(): Tally {
    this.#rest ??= new Tally()
    return this.#rest
  }

  #enterCongestion(now: Millis): void {
    if (this.congested) return
    this.congested = true
    this.#episode ??= new ShedEpisode(now, this.window.lastSequence)
    this.#episode.congestedAt = now
    this.#watch(now)
    this.#host.congested(this)
  }

  /**
   * Congestion ends below `low`, or when nothing waits and the window has room: on a long path a
   * client that keeps up has more than `low` in flight. It does not end by what expires or is dropped:
   * the client has taken something since. What was shed without congestion is summed up until then
   * too.
   */
  #recover(now: Millis): void {
    const episode = this.#episode
    if (!episode) return
    const { buffered, congested: wasCongested } = this
    const waits = this.#waits || !this.#windowHasRoom(1, now)
    if (waits && (!wasCongested || this.#isBehind(buffered, now))) return
    if (wasCongested && buffered > 0 && !this.#hasProgressedSince(episode.congestedAt)) return
    this.congested = false
    this.#episode = undefined
    if (wasCongested) {
      this.drains ??= new DecayingRate()
      this.drains.record(now)
      this.#host.meters.drains++
    }
    this.#host.recovered(this, episode, now, wasCongested)
  }

  #isBehind(buffered: Bytes, now: Millis): boolean {
    const { limits } = this.#host
    if (buffered < limits.low) return false
    return buffered >= lowNow(limits, this.window, this.#waited(now), now)
  }

  /** Of one that proves nothing, it is known only from time to time. */
  #hasProgressedSince(at: Millis): boolean {
    return this.window.blind || this.vitals.progressAt > at
  }

  #settle(now: Millis): void {
    this.#recover(now)
    if (this.buffered === 0 && !this.#episode) this.#unwatch()
  }

  #watch(now: Millis): void {
    if (this.#watched) return
    this.#watched = true
    // until now nothing was buffered
    this.vitals.progressAt = now
    this.#host.watch(this)
  }

  #unwatch(): void {
    if (!this.#watched) return
    this.#watched = false
    // nothing is queued
    this.critical = EMPTY
    this.cosmetic = EMPTY
    this.#owners = undefined
    this.#host.unwatch(this)
  }
}
