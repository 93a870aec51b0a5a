import type { Clock } from '../base/clock.ts'
import { Fifo } from '../base/fifo.ts'
import type { Millis } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import type { HeldBytes } from '../message/held-bytes.ts'
import { BroadcastRound } from './broadcast-round.ts'
import type { Due } from './ready-queue.ts'
import { isLikelyAlone, NO_TICK, recordOf, type TickRecord } from './tick-record.ts'
import type { TurnMember, TurnScheduler } from './turn-scheduler.ts'

/** A recipient of broadcasts. */
export interface Recipient {
  /** Begins a slice: messages offered until `uncork` leave in one write. */
  cork(): void
  offer(envelope: Envelope, now: Millis): unknown
  uncork(now: Millis): void
  /** Takes a message that waited for its slice when the connection went. */
  missed(envelope: Envelope): void
}

/** A message that is being offered to one recipient after the other. */
interface ImmediateBroadcast {
  readonly recipients: readonly Recipient[]
  readonly envelope: Envelope
  /** How many recipients it was offered to. */
  offered: number
  /** The one during which this one began. */
  readonly outer: ImmediateBroadcast | undefined
}

type Deliver = (recipient: Recipient, envelope: Envelope) => void

/** Recipients from which a broadcast may be sent in slices; so many take some 1.5 ms. */
const LARGE = 100
/** Most broadcasts of a class that wait; further ones hold the event loop. */
const MOST_WAITING = 256

/**
 * Sends broadcasts to many recipients within the budget of a turn of the event loop. A broadcast alone
 * in its tick is sent where it is emitted; several are sent when the tick ends, recipient by recipient.
 * Recipients left over are served in slices of later turns, critical broadcasts first.
 *
 * Any other message for a recipient has to follow its due broadcasts: call `catchUp` first.
 */
export class Broadcasts {
  readonly #clock: Clock
  readonly #scheduler: TurnScheduler
  readonly #deliver: Deliver
  readonly #large: number
  readonly #critical: Walk
  readonly #cosmetic: Walk
  /** Whether broadcasts come one or several in a tick. */
  #tickRecord: TickRecord = NO_TICK
  /** Under way: an offer may call the application, which may close the server or emit. */
  #immediate: ImmediateBroadcast | undefined

  /** @param large recipients from which a broadcast may be sent in slices */
  constructor(clock: Clock, scheduler: TurnScheduler, heldBytes: HeldBytes, large = LARGE) {
    this.#clock = clock
    this.#large = large
    this.#scheduler = scheduler
    this.#deliver = (recipient, envelope) => {
      recipient.offer(envelope, clock.now())
    }
    this.#critical = new Walk(clock, scheduler, heldBytes, this.#deliver, true)
    this.#cosmetic = new Walk(clock, scheduler, heldBytes, this.#deliver, false)
  }

  /** Whether any recipient is due something. */
  get waiting(): boolean {
    return !this.#critical.empty || !this.#cosmetic.empty
  }

  /**
   * Whether a broadcast that begins now is likely to be the only one of its tick, and overtakes none
   * that waits: then each recipient is offered it as soon as it is known.
   */
  mayOfferAtOnce({ rule }: Envelope): boolean {
    const isFree = this.#critical.empty && (rule.class === 'critical' || this.#cosmetic.empty)
    return isFree && isLikelyAlone(this.#tickRecord, this.#scheduler.tick())
  }

  /**
   * Offers a recipient a message where it is emitted, as far as the budget of this turn goes. It is
   * due no broadcast that this one would overtake, since `mayOfferAtOnce`.
   *
   * @returns whether it was offered
   */
  offerAtOnce(recipient: Recipient, envelope: Envelope): boolean {
    const now = this.#clock.now()
    if (this.#scheduler.spent(now)) return false
    recipient.offer(envelope, now)
    return true
  }

  /**
   * Offers a message to the recipients that were not offered it at once.
   *
   * @param offered number of recipients that were
   */
  offer(recipients: readonly Recipient[], envelope: Envelope, offered = 0): void {
    if (offered + recipients.length < this.#large) {
      this.offerNow(recipients, envelope)
      return
    }
    this.#tickRecord = recordOf(this.#tickRecord, this.#scheduler.tick())
    if (recipients.length === 0) return
    const walk = envelope.rule.class === 'critical' ? this.#critical : this.#cosmetic
    walk.add(recipients, envelope)
    while (walk.waiting > MOST_WAITING) this.#visit(walk)
  }

  /** Offers a message where it is emitted, after what each recipient is due. */
  offerNow(recipients: readonly Recipient[], envelope: Envelope): void {
    const outer = this.#immediate
    const broadcast = { recipients, envelope, offered: 0, outer }
    this.#immediate = broadcast
    try {
      this.#offerRest(broadcast)
    } finally {
      this.#immediate = outer
    }
  }

  #offerRest(broadcast: ImmediateBroadcast): void {
    const { recipients, envelope } = broadcast
    const now = this.#clock.now()
    while (broadcast.offered < recipients.length) {
      const recipient = recipients[broadcast.offered++]!
      if (this.waiting) this.catchUp(recipient, envelope)
      recipient.offer(envelope, now)
    }
  }

  /**
   * Offers a recipient the due broadcasts that a message must not overtake: critical ones always,
   * cosmetic ones if the message is cosmetic, or the client joins or leaves by it.
   */
  catchUp(recipient: Recipient, envelope?: Envelope): void {
    this.#critical.catchUp(recipient, this.#deliver)
    const overtakes =
      envelope?.rule.class === 'critical' &&
      envelope.kind !== 'disconnect' &&
      envelope.kind !== 'connect'
    if (!overtakes) this.#cosmetic.catchUp(recipient, this.#deliver)
  }

  /** Gives a recipient whose connection is gone its due broadcasts as missed. */
  abandon(recipient: Recipient): void {
    this.#critical.catchUp(recipient, miss)
    this.#cosmetic.catchUp(recipient, miss)
  }

  /** Sends every recipient its due broadcasts. */
  finish(): void {
    for (let each = this.#immediate; each; each = each.outer) this.#offerRest(each)
    for (const walk of [this.#critical, this.#cosmetic]) while (!walk.empty) this.#visit(walk)
  }

  /** Serves one recipient; critical broadcasts first, also those that a delivery has led to. */
  #visit(walk: Walk): void {
    if (this.#critical.empty) walk.visit()
    else this.#critical.visit()
  }
}

const miss: Deliver = (recipient, envelope) => recipient.missed(envelope)

/** The waiting broadcasts of one class, in consecutive rounds. */
class Walk implements TurnMember {
  due: Due = 'no'
  readonly #rounds = new Fifo<BroadcastRound<Recipient, Envelope>>()
  readonly #clock: Clock
  readonly #scheduler: TurnScheduler
  readonly #heldBytes: HeldBytes
  readonly #deliver: Deliver
  readonly #isCritical: boolean

  constructor(
    clock: Clock,
    scheduler: TurnScheduler,
    heldBytes: HeldBytes,
    deliver: Deliver,
    isCritical: boolean,
  ) {
    this.#clock = clock
    this.#scheduler = scheduler
    this.#heldBytes = heldBytes
    this.#deliver = deliver
    this.#isCritical = isCritical
  }

  get empty(): boolean {
    return this.#rounds.length === 0
  }

  /** Number of broadcasts that some recipient still lacks. */
  get waiting(): number {
    let waiting = 0
    for (let n = 0; n < this.#rounds.length; n++) waiting += this.#rounds.at(n)!.waiting
    return waiting
  }

  add(recipients: readonly Recipient[], envelope: Envelope): void {
    this.#heldBytes.hold(envelope)
    let last = this.#rounds.at(-1)
    // in an earlier round the message would overtake those of later rounds
    if (!last?.isFor(recipients)) {
      last = new BroadcastRound(recipients)
      this.#rounds.push(last)
    }
    last.join(envelope)
    this.#scheduler.add(this, this.#isCritical)
  }

  /** Serves one recipient a call, so that other members have their turn. */
  serve(): void {
    try {
      do this.visit()
      while (this.#scheduler.ended && !this.empty)
    } finally {
      if (!this.empty) this.#scheduler.add(this, this.#isCritical)
    }
  }

  visit(): void {
    const round = this.#rounds.peek()
    if (!round) return
    const recipient = round.next
    recipient.cork()
    try {
      round.visit(this.#deliver, this.#release)
    } finally {
      recipient.uncork(this.#clock.now())
      if (round.done && this.#rounds.peek() === round) this.#rounds.shift()
    }
  }

  catchUp(recipient: Recipient, deliver: Deliver): void {
    // a delivery may lead to another round
    for (let n = 0; n < this.#rounds.length; n++) this.#rounds.at(n)!.catchUp(recipient, deliver)
  }

  readonly #release = (envelope: Envelope): void => {
    this.#heldBytes.release(envelope)
  }
}
