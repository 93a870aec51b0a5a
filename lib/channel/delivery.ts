import type { Limits } from '../base/limits.ts'
import type { SendState } from '../base/outcomes.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Link } from '../link/link.ts'
import type { Envelope } from '../message/envelope.ts'
import { ceilingOf } from '../window/congestion.ts'
import type { DeliveryWindow } from '../window/delivery-window.ts'
import { KernelProgress } from './kernel-progress.ts'

/**
 * The way to one client: hands messages to its link with delivery markers between them, tells
 * whether another one may go, and keeps the signs that the client takes what it is sent. The signs
 * are answers to markers, polls, or, as long as the client has answered no marker, bytes that its
 * kernel socket takes.
 */
export class Delivery<L extends Link = Link> {
  readonly link: L
  readonly window: DeliveryWindow
  /** Messages and bytes that were handed over. */
  sent = 0
  sentBytes: Bytes = 0
  /** When the client last took something, or nothing was outstanding. */
  progressAt: Millis
  /** When the client connected. */
  since: Millis
  /** When the client was last heard from: bytes or a heartbeat. */
  heardAt: Millis
  /** Bytes heard from the client until then. */
  #heard: Bytes = 0
  #heartbeatAt: Millis
  /** While the kernel leaves something. */
  kernel: KernelProgress | undefined
  /** When an upgrade was first seen under way, and when one last excused the client. */
  #upgrade: { readonly since: Millis; excusedAt: Millis } | undefined
  /** Most bytes in flight, by these limits, until the next answer: only an answer changes it. */
  #ceiling: Bytes = 0
  #ceilingFor: Limits | undefined
  /** When the first message was emitted of those whose latency the next marker measures. */
  #criticalAt: Millis | undefined

  constructor(link: L, window: DeliveryWindow, now: Millis) {
    this.link = link
    this.window = window
    window.blind = link.proof === 'none'
    window.atOnce = link.proof === 'itself'
    this.since = now
    this.progressAt = now
    this.heardAt = now
    this.#heartbeatAt = now
  }

  /** The client has been connected since then; when it last answered a heartbeat is not known. */
  adopt(since: Millis): void {
    this.since = since
    this.#heartbeatAt = Number.NEGATIVE_INFINITY
  }

  /** Bytes handed over and not known to be delivered. */
  get unproven(): Bytes {
    const { blind, inFlight } = this.window
    const { outstanding } = this.link
    return blind ? outstanding : Math.max(inFlight, outstanding)
  }

  /** Whether nothing is outstanding. */
  get isIdle(): boolean {
    return this.window.blind ? this.link.outstanding === 0 : this.window.inFlight === 0
  }

  /** Most bytes that the window lets be in flight. */
  ceiling(limits: Limits): Bytes {
    if (limits !== this.#ceilingFor) {
      this.#ceiling = ceilingOf(limits, this.window)
      this.#ceilingFor = limits
    }
    return this.#ceiling
  }

  /**
   * Whether a message of so many bytes may be handed over now, and if not, why.
   *
   * @param isCosmetic the window holds it back
   * @param waits something waits already
   */
  stateFor(
    bytes: Bytes,
    isCosmetic: boolean,
    waits: boolean,
    limits: Limits,
    now: Millis,
  ): SendState {
    if (!this.link.hasRoom(bytes)) return 'blocked'
    return this.windowStateFor(bytes, isCosmetic, waits, limits, now)
  }

  /** As `stateFor`, whatever the link has room for. */
  windowStateFor(
    bytes: Bytes,
    isCosmetic: boolean,
    waits: boolean,
    limits: Limits,
    now: Millis,
  ): SendState {
    if (this.window.blind) return 'blind'
    if (!isCosmetic || this.hasRoom(bytes, waits, limits, now)) return 'ready'
    return 'windowed'
  }

  /** Whether the window lets a cosmetic message of so many bytes go. */
  hasRoom(bytes: Bytes, waits: boolean, limits: Limits, now: Millis): boolean {
    return this.window.hasRoom(bytes, now, this.ceiling(limits), waits)
  }

  /** When it will, if nothing else happens until then; infinity if only an answer can tell. */
  roomAt(bytes: Bytes, limits: Limits, now: Millis): Millis {
    return this.window.roomAt(bytes, now, this.ceiling(limits))
  }

  /** @param emittedAt of a message whose latency is to be measured */
  write(envelope: Envelope, emittedAt: Millis | undefined, now: Millis): void {
    const { bytes } = envelope
    this.sent++
    this.sentBytes += bytes
    this.window.written(bytes, now)
    if (emittedAt !== undefined) this.#criticalAt ??= emittedAt
    this.link.write(envelope)
  }

  /** Writes messages that the link has kept (`isFresh`: just now), with a marker if one is due. */
  flush(waits: boolean, limits: Limits, now: Millis, isFresh = false): void {
    const { pending } = this.link
    if (pending > 0) this.window.left(pending, now)
    this.markIfDue(waits, limits, now, isFresh)
    this.link.flush(isFresh)
  }

  /** Not while the connection holds something back, which a marker would overtake. */
  markIfDue(waits: boolean, limits: Limits, now: Millis, isFresh = false): void {
    if (this.link.waiting > 0) return
    const emittedAt = this.#criticalAt
    this.#criticalAt = undefined
    const isAsked = emittedAt !== undefined
    if (!this.window.markerDue(now, waits, this.ceiling(limits), isAsked)) return
    this.mark(now, emittedAt, isFresh)
  }

  /** Proves the receipt of all that was written, which nothing may follow. */
  markLast(now: Millis): void {
    if (this.window.inFlight > 0) this.mark(now, this.#criticalAt)
  }

  mark(now: Millis, emittedAt?: Millis, isFresh = false): void {
    const { link } = this
    if (link.proof !== 'markers') return
    // what was heard before is no sign that the client reads on
    if (this.window.waitsSince === undefined) this.#heard = link.heard
    link.mark(this.window.marked(now, link.waiting, emittedAt), isFresh)
  }

  /**
   * A marker was answered: so much was received.
   *
   * @param waited how long the answer may have waited for the event loop
   * @returns whether it was an answer to an open marker
   */
  answered(
    sequence: number,
    now: Millis,
    waited: Millis,
    onLatency: (latency: Millis) => void,
  ): boolean {
    if (!this.window.answered(sequence, now, waited, onLatency)) return false
    this.#ceilingFor = undefined
    this.progressAt = now
    return true
  }

  /** Another transport took over; nobody answers markers of the one before. */
  upgraded(now: Millis): void {
    const { link, window } = this
    window.atOnce = link.proof === 'itself'
    if (link.proof === 'none') window.giveUp()
    else window.upgraded()
    if (window.waitsSince !== undefined) this.mark(now)
  }

  /**
   * The client was heard by a heartbeat.
   *
   * @param answered it was the answer to one, which the client received behind everything before it
   */
  heartbeat(answered: boolean, now: Millis): void {
    if (answered && this.link.proof === 'markers') this.window.heardPast(this.#heartbeatSentAt(now))
    this.#heartbeatAt = now
    this.heardAt = now
  }

  /**
   * The earliest instant at which Engine.IO may have sent the heartbeat: after the answer to the one
   * before, and, where the interval is known, so much later. Engine.IO counts the interval from the
   * turn of the loop in which it read the answer, which is earlier than this was told of it.
   */
  #heartbeatSentAt(now: Millis): Millis {
    const expected = this.#heartbeatAt + this.link.heartbeatInterval - LONGEST_TURN
    return expected > this.#heartbeatAt && expected <= now ? expected : this.#heartbeatAt
  }

  /** Notices what the client and the kernel did since the last look. */
  look(stallAfter: Millis, now: Millis): void {
    const { link, window } = this
    const taken = link.progressed()
    if (this.isIdle || (window.blind && taken > 0)) this.progressAt = now
    if (link.outstanding === 0) this.kernel = undefined
    else if (this.kernel) this.kernel.took(taken, link.taken, now)
    else this.kernel = new KernelProgress(link.taken, now)
    this.isExcused(now)
    if (link.heard === this.#heard) return
    this.#heard = link.heard
    this.heardAt = now
    // well before it would be closed as stalled
    window.heard(now, stallAfter / 2, this.progressAt)
  }

  /**
   * Whether the client may be between two transports, and is not judged by its progress: once for as
   * long as Engine.IO gives an upgrade, from the first attempt on, since a client may go on trying.
   */
  isExcused(now: Millis): boolean {
    if (!this.link.upgrading) return false
    this.#upgrade ??= { since: now, excusedAt: now }
    const isExcused = now - this.#upgrade.since < this.link.upgradeTimeout
    if (isExcused) this.#upgrade.excusedAt = now
    return isExcused
  }

  /** When the client was last excused. */
  get excusedAt(): Millis {
    return this.#upgrade?.excusedAt ?? Number.NEGATIVE_INFINITY
  }

  /** Whether the client took something since then: something written behind that marker. */
  hasTaken(since: Millis, sequence: number): boolean {
    const { window } = this
    return window.blind ? this.progressAt > since : window.hasAnsweredPast(sequence)
  }

  /** Time without progress; 0 if nothing is outstanding. */
  sinceProgress(now: Millis): Millis {
    return this.isIdle ? 0 : now - this.progressAt
  }

  /**
   * How long the client owes a proof of progress: since its latest one, or since it was asked. What
   * a healthy client was sent is unproven for seconds, since it is rarely asked.
   */
  stalledFor(now: Millis): Millis {
    const { link, window } = this
    const since = this.sinceProgress(now)
    if (window.blind || link.proof === 'itself') return since
    return window.waitsSince === undefined ? 0 : Math.min(since, now - window.waitsSince)
  }
}

/** Of the event loop. */
const LONGEST_TURN: Millis = 1000
