import type { ShedOutcome } from '../base/outcomes.ts'
import { Tally } from '../base/tally.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import { DecayingRate } from '../telemetry/decaying-rate.ts'
import { LossShare } from '../telemetry/loss-share.ts'
import { ShedEpisode } from '../telemetry/shed-episode.ts'
import { Undelivered } from '../telemetry/undelivered.ts'
import type { DeliveryWindow } from '../window/delivery-window.ts'

/** The latest message that was shed for a client. */
export interface LastShed {
  readonly event: string
  readonly namespace: string
  readonly outcome: ShedOutcome
  readonly at: Millis
  readonly age: Millis
  /** How long the path needed for what was buffered, if that was known. */
  readonly pathNeed: Millis | null
}

/**
 * What one client was not simply sent, from its first congestion, shed or undelivered message on. A
 * client that keeps up has none.
 */
export class ShedRecord {
  /** Messages by outcome, but for those that were sent. */
  readonly tally = new Tally()
  lastShed: LastShed | undefined
  /** How often the client has left congestion. */
  drains: DecayingRate | undefined
  /** From congestion or the first shed message until the client has caught up. */
  episode: ShedEpisode | undefined
  #losses: LossShare | undefined
  #undelivered: Undelivered | undefined

  /** Messages shed so far, and those that mode `enforce` would have shed in mode `observe`. */
  get shedMessages(): number {
    return this.tally.shed + this.tally.observed
  }

  /** What the client was not sent before it was closed, and since. */
  get undelivered(): Undelivered {
    this.#undelivered ??= new Undelivered()
    return this.#undelivered
  }

  /**
   * A message is about to be counted as sent.
   *
   * @param sent messages until now
   */
  noteSent(sent: number, now: Millis): void {
    this.#losses?.note(this.#offered(sent), this.shedMessages, now)
  }

  /**
   * A message is about to be counted as lost.
   *
   * @param sent messages until now
   */
  noteLoss(sent: number, now: Millis): void {
    if (this.#losses) this.#losses.note(this.#offered(sent), this.shedMessages, now)
    else this.#losses = new LossShare(this.#offered(sent), this.shedMessages, now)
  }

  /** The share of what was offered lately that was shed, or in mode `observe` would have been. */
  lossShare(sent: number, now: Millis): number {
    return this.#losses?.share(this.#offered(sent), this.shedMessages, now) ?? 0
  }

  /** @param buffered bytes, when the message was shed */
  shed(
    envelope: Envelope,
    outcome: ShedOutcome,
    buffered: Bytes,
    window: DeliveryWindow,
    now: Millis,
  ): void {
    const { event, namespace } = envelope.rule
    const { rate } = window.path
    const pathNeed = rate === undefined ? null : buffered / rate
    const age = now - envelope.emittedAt
    this.lastShed = { event, namespace, outcome, at: now, age, pathNeed }
    this.episodeAt(window, now).count(envelope, outcome)
  }

  /** The episode that is under way, or one that begins now. */
  episodeAt({ lastSequence }: DeliveryWindow, now: Millis): ShedEpisode {
    this.episode ??= new ShedEpisode(now, lastSequence)
    return this.episode
  }

  /** The client has left congestion. */
  drained(now: Millis): void {
    this.drains ??= new DecayingRate()
    this.drains.record(now)
  }

  #offered(sent: number): number {
    return sent + this.tally.shed
  }
}
