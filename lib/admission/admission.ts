import type { Clock } from '../base/clock.ts'
import { REFUSAL_REASONS, type RefusalReason } from '../base/outcomes.ts'
import type { Millis } from '../base/units.ts'
import type { RefusedClient } from '../telemetry/client-identity.ts'
import { LoopOverload } from './loop-overload.ts'
import { ReconnectHolds } from './reconnect-holds.ts'

/** The option `admission`, in milliseconds. */
export interface AdmissionOptions {
  /** Event loop delay above which new clients are refused; undefined for no limit. */
  readonly loopDelay?: Millis | undefined
  readonly retryAfter: Millis
}

/** What the admission asks, and whom it tells of refusals. */
export interface AdmissionHost {
  /** Whether the process is over its byte budget. */
  overBudget(): boolean
  refused(client: RefusedClient): void
}

/** Longest time in the queue of handshakes. Socket.IO's client gives up after 20 s. */
const MOST_WAIT: Millis = 5000

/** Decides whether new clients are admitted. Clients that are connected are never refused. */
export class Admission {
  /** Number of refusals so far, by reason. */
  readonly refused = Object.fromEntries(REFUSAL_REASONS.map((reason) => [reason, 0])) as Record<
    RefusalReason,
    number
  >
  readonly #retryAfter: Millis
  readonly #lateness: LoopOverload | undefined
  readonly #host: AdmissionHost
  /** Whether the byte budget and the event loop count; if not, only a shutdown refuses clients. */
  readonly #guarded: boolean
  #shut = false
  readonly #holds = new ReconnectHolds()
  readonly #clock: Clock

  /** @param guarded whether the byte budget and the event loop count */
  constructor(options: AdmissionOptions, guarded: boolean, clock: Clock, host: AdmissionHost) {
    const { loopDelay, retryAfter } = options
    this.#retryAfter = retryAfter
    this.#guarded = guarded
    this.#host = host
    this.#clock = clock
    if (loopDelay !== undefined) this.#lateness = new LoopOverload(loopDelay, clock)
  }

  start(): void {
    this.#lateness?.start()
  }

  close(): void {
    this.#lateness?.close()
  }

  /** Refuses all new clients from now on, for a shutdown. */
  shut(): void {
    this.#shut = true
  }

  /** Reason to refuse a new client now; undefined to admit it. */
  get refusal(): RefusalReason | undefined {
    if (this.#shut) return 'shutdown'
    if (!this.#guarded) return undefined
    if (this.#host.overBudget()) return 'budget'
    return this.#lateness?.late ? 'loop' : undefined
  }

  /**
   * Reason to refuse a client whose handshake was queued. The time in the queue counts as a sign of a
   * late event loop, even if the loop is on time again.
   *
   * @param waited time in the queue
   * @param who text that identifies the user, see `whoAsks`
   */
  refusalAfter(waited: Millis, who = ''): RefusalReason | undefined {
    const { refusal } = this
    if (refusal !== undefined) return refusal
    if (this.#holds.remaining(who, this.#clock.now()) > 0) return 'backlog'
    return this.#lateness && waited > MOST_WAIT ? 'loop' : undefined
  }

  /**
   * Notes that a client was closed for the byte budget because of what it was sent on connecting.
   *
   * @returns whether clients of this user have to wait from now on
   */
  closed(who: string, connectedFor: Millis): boolean {
    return this.#holds.closed(who, connectedFor, this.#clock.now())
  }

  /**
   * Counts and reports a refusal.
   *
   * @returns milliseconds until the client may try again, randomized so that clients don't return at once
   */
  refuse(reason: RefusalReason, address: string | null, who = ''): Millis {
    const remaining = this.#holds.remaining(who, this.#clock.now())
    const retryAfter = Math.round(Math.max(remaining, this.#retryAfter) * (1 + Math.random()))
    this.refused[reason]++
    this.#host.refused({ reason, retryAfter, address })
    return retryAfter
  }
}
