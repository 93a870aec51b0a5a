import type { Clock } from '../base/clock.ts'
import { REFUSAL_REASONS, type RefusalReason } from '../base/outcomes.ts'
import type { Millis } from '../base/units.ts'
import { LoopLateness } from '../loop/loop-lateness.ts'
import type { RefusedClient } from '../telemetry/client-identity.ts'
import { ReconnectHolds } from './reconnect-holds.ts'

export interface AdmissionOptions {
  /** How late the event loop may be; undefined: it does not matter. */
  readonly loopDelay?: Millis | undefined
  readonly retryAfter: Millis
}

export interface AdmissionHost {
  /** Whether the process is over its byte budget. */
  overBudget(): boolean
  refused(client: RefusedClient): void
}

/** Socket.IO's client gives up after 20 s, and whoever is let in later has been let in for nobody. */
const MOST_WAIT: Millis = 5000

/** Decides whether new clients are let in; those that are connected are none of its business. */
export class Admission {
  /** So far. */
  readonly refused = Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, 0])) as Record<
    RefusalReason,
    number
  >
  readonly #retryAfter: Millis
  readonly #lateness: LoopLateness | undefined
  readonly #host: AdmissionHost
  /** Without it only a shutdown refuses anybody. */
  readonly #guarded: boolean
  #shut = false
  readonly #holds = new ReconnectHolds()
  readonly #clock: Clock

  /** @param guarded whether budget and event loop matter */
  constructor(options: AdmissionOptions, guarded: boolean, clock: Clock, host: AdmissionHost) {
    const { loopDelay, retryAfter } = options
    this.#retryAfter = retryAfter
    this.#guarded = guarded
    this.#host = host
    this.#clock = clock
    if (loopDelay !== undefined) this.#lateness = new LoopLateness(loopDelay, clock)
  }

  start(): void {
    this.#lateness?.start()
  }

  close(): void {
    this.#lateness?.close()
  }

  /** From now on nobody is let in. */
  shut(): void {
    this.#shut = true
  }

  /** Why a new client is to be refused now, if it is. */
  get refusal(): RefusalReason | undefined {
    if (this.#shut) return 'shutdown'
    if (!this.#guarded) return undefined
    if (this.#host.overBudget()) return 'budget'
    return this.#lateness?.late ? 'loop' : undefined
  }

  /**
   * The same, of one that has waited for its turn since it came: the loop may be on time again.
   *
   * @param who asks
   */
  refusalAfter(waited: Millis, who = ''): RefusalReason | undefined {
    const { refusal } = this
    if (refusal !== undefined) return refusal
    if (this.#holds.left(who, this.#clock.now()) > 0) return 'backlog'
    return this.#lateness && waited > MOST_WAIT ? 'loop' : undefined
  }

  /**
   * A client was closed for the budget, for what it was sent on connecting.
   *
   * @returns whether others like it have to wait from now on
   */
  closed(who: string, connectedFor: Millis): boolean {
    return this.#holds.closed(who, connectedFor, this.#clock.now())
  }

  /**
   * Counts a refusal.
   *
   * @returns when the client may try again: each at another time, or they would come in one wave
   */
  refuse(reason: RefusalReason, address: string | null, who = ''): Millis {
    const left = this.#holds.left(who, this.#clock.now())
    const retryAfter = Math.round(Math.max(left, this.#retryAfter) * (1 + Math.random()))
    this.refused[reason]++
    this.#host.refused({ reason, retryAfter, address })
    return retryAfter
  }
}
