import type { Clock } from '../base/clock.ts'
import type { Envelope } from '../message/envelope.ts'
import type { HeldBytes } from '../message/held-bytes.ts'
import { BroadcastRound, type Recipient } from './broadcast-round.ts'
import type { Due } from './ready-queue.ts'
import type { TurnMember, TurnScheduler } from './turn-scheduler.ts'

/** One broadcast, as its adapter hands it to one recipient after the other. */
export interface Broadcast<R extends Recipient> {
  readonly envelope: Envelope
  /** Does what the adapter would have done for this recipient. */
  readonly send: (recipient: R) => void
}

/** Sends to one recipient. */
export interface Courier<R extends Recipient> {
  /** What is sent from here to `end` leaves in one write. */
  begin(recipient: R): void
  readonly send: (recipient: R, broadcast: Broadcast<R>) => void
  end(recipient: R): void
}

/** So many recipients take some 1.5 ms. */
const LARGE = 100
/** Broadcasts of a class that wait at most; what is emitted beyond that holds the event loop. */
const MOST_WAITING = 256

/**
 * Broadcasts to many, as far as the budget of a turn of the event loop goes: one alone in its tick is
 * sent where it is emitted, several when the tick ends, to one recipient after the other all that it
 * is due. Whoever is left then is sent them in slices, critical ones first.
 *
 * Whatever else is sent to a recipient meanwhile has to follow what it is due: `catchUp` first.
 */
export class Broadcasts<R extends Recipient> {
  readonly #clock: Clock
  readonly #scheduler: TurnScheduler
  readonly #send: Courier<R>['send']
  readonly #large: number
  readonly #critical: Walk<R>
  readonly #cosmetic: Walk<R>
  /** The latest tick with a broadcast, and how many it had. */
  #tick = 0
  #inTick = 1

  /** @param large fewer recipients are sent a broadcast where it is emitted */
  constructor(
    clock: Clock,
    scheduler: TurnScheduler,
    heldBytes: HeldBytes,
    courier: Courier<R>,
    large = LARGE,
  ) {
    this.#clock = clock
    this.#large = large
    this.#scheduler = scheduler
    this.#send = courier.send
    this.#critical = new Walk(scheduler, heldBytes, courier, true)
    this.#cosmetic = new Walk(scheduler, heldBytes, courier, false)
  }

  /** Whether any recipient is due something. */
  get waiting(): boolean {
    return !this.#critical.empty || !this.#cosmetic.empty
  }

  offer(recipients: readonly R[], broadcast: Broadcast<R>): void {
    if (recipients.length < this.#large) {
      for (const recipient of recipients) broadcast.send(recipient)
      return
    }
    const walk = broadcast.envelope.rule.class === 'critical' ? this.#critical : this.#cosmetic
    const now = this.#isAlone() && walk.empty
    walk.add(recipients, broadcast)
    if (now) while (!walk.empty && !this.#scheduler.spent(this.#clock.now())) this.#visit(walk)
    while (walk.waiting > MOST_WAITING) this.#visit(walk)
  }

  /**
   * Sends a connection what has to go before a message: all that is critical, and what is cosmetic
   * before a message that is so too, or by which the client joins or leaves.
   */
  catchUp(conn: object, envelope?: Envelope): void {
    this.#critical.catchUp(conn, this.#send)
    const overtakes =
      envelope?.rule.class === 'critical' &&
      envelope.kind !== 'disconnect' &&
      envelope.kind !== 'connect'
    if (!overtakes) this.#cosmetic.catchUp(conn, this.#send)
  }

  /** A connection is gone: tells what it was due. */
  abandon(conn: object, missed: (envelope: Envelope) => void): void {
    const tell = (_recipient: R, { envelope }: Broadcast<R>) => missed(envelope)
    this.#critical.catchUp(conn, tell)
    this.#cosmetic.catchUp(conn, tell)
  }

  /** Sends everyone what they are due. */
  finish(): void {
    for (const walk of [this.#critical, this.#cosmetic]) while (!walk.empty) this.#visit(walk)
  }

  /** One recipient; what is critical comes first, also if a delivery has led to it. */
  #visit(walk: Walk<R>): void {
    if (this.#critical.empty) walk.visit()
    else this.#critical.visit()
  }

  /** How many there will be in a tick is guessed from the one before. */
  #isAlone(): boolean {
    const tick = this.#scheduler.tick()
    if (tick === this.#tick) {
      this.#inTick++
      return false
    }
    const alone = this.#inTick === 1
    this.#tick = tick
    this.#inTick = 1
    return alone
  }
}

/** The broadcasts of one class that wait, in rounds that follow each other. */
class Walk<R extends Recipient> implements TurnMember {
  due: Due = 'no'
  readonly #rounds: BroadcastRound<R, Broadcast<R>>[] = []
  readonly #scheduler: TurnScheduler
  readonly #heldBytes: HeldBytes
  readonly #courier: Courier<R>
  readonly #isCritical: boolean

  constructor(
    scheduler: TurnScheduler,
    heldBytes: HeldBytes,
    courier: Courier<R>,
    isCritical: boolean,
  ) {
    this.#scheduler = scheduler
    this.#heldBytes = heldBytes
    this.#courier = courier
    this.#isCritical = isCritical
  }

  get empty(): boolean {
    return this.#rounds.length === 0
  }

  /** Broadcasts that not everyone was sent. */
  get waiting(): number {
    let waiting = 0
    for (const round of this.#rounds) waiting += round.waiting
    return waiting
  }

  add(recipients: readonly R[], broadcast: Broadcast<R>): void {
    this.#heldBytes.hold(broadcast.envelope)
    let last = this.#rounds.at(-1)
    // with an earlier one it would overtake the later ones
    if (!last?.isFor(recipients)) {
      last = new BroadcastRound(recipients)
      this.#rounds.push(last)
    }
    last.join(broadcast)
    this.#scheduler.add(this, this.#isCritical)
  }

  /** One recipient a call, so that others have their turn. */
  serve(): void {
    try {
      do this.visit()
      while (this.#scheduler.ended && !this.empty)
    } finally {
      if (!this.empty) this.#scheduler.add(this, this.#isCritical)
    }
  }

  visit(): void {
    const [round] = this.#rounds
    if (!round) return
    const recipient = round.next
    this.#courier.begin(recipient)
    try {
      round.visit(this.#courier.send, this.#release)
    } finally {
      this.#courier.end(recipient)
      if (round.done && this.#rounds[0] === round) this.#rounds.shift()
    }
  }

  catchUp(conn: object, send: (recipient: R, broadcast: Broadcast<R>) => void): void {
    for (const round of this.#rounds) round.catchUp(conn, send)
  }

  readonly #release = ({ envelope }: Broadcast<R>): void => {
    this.#heldBytes.release(envelope)
  }
}
