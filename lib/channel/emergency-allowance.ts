import type { Limits } from '../base/limits.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Delivery } from './delivery.ts'
import { emergencyPatience } from './stalling.ts'

/** How a client behaves at the moment when it may grow, or has to be closed. */
export interface Conduct {
  /** When the client last took something. */
  readonly progressAt: Millis
  /** A client without progress for so long does not count as taking anything. */
  readonly patience: Millis
  /** A client may be sent more than it takes for so long. */
  readonly giveUp: Millis
  /** The client has taken something since it had caught up, or does not have to. */
  readonly hasTaken: boolean
  /** Too little time has passed for the client to show it. */
  readonly isEarly: boolean
}

/**
 * What is buffered for a client that has not caught up, against `watermarks.emergency`. What protects
 * the process is that a client takes what it gets, not its size while it does:
 * - what one turn of the event loop brings to a client that had caught up does not count;
 * - nor does more, as long as the client has taken something since and takes something now;
 * - but one that takes less than it is sent, for `giveUp`, may grow by `emergency` once more and that
 *   is all.
 */
export class EmergencyAllowance {
  /** When the client was first seen not to have caught up. */
  readonly since: Millis
  /** Sequence number of the latest marker written before. */
  readonly sequence: number
  /** Bytes that do not count. */
  exempt: Bytes
  /** The turn of the event loop in which the client had last caught up. */
  readonly #turn: number
  /** When the client last grew by bytes that count. */
  #grownAt: Millis
  /** Since when the client has grown without falling below `emergency`. */
  #growsSince: Millis | undefined

  /** @param sequence, turn when the client had last caught up */
  constructor(since: Millis, sequence: number, turn: number, exempt: Bytes) {
    this.since = since
    this.sequence = sequence
    this.exempt = exempt
    this.#turn = turn
    this.#grownAt = since
  }

  /**
   * Whether the client may be sent a message, however it behaves.
   *
   * @param total bytes buffered with the message
   */
  covers(total: Bytes, bytes: Bytes, turn: number, emergency: Bytes): boolean {
    if (turn === this.#turn) {
      this.exempt += bytes
      return true
    }
    if (total <= emergency) this.#growsSince = undefined
    return total <= emergency + this.exempt
  }

  /** Whether a client may grow to `total` for what it takes; those bytes count no longer then. */
  grow(total: Bytes, conduct: Conduct, now: Millis): boolean {
    const { progressAt, patience, giveUp, hasTaken, isEarly } = conduct
    if (!hasTaken) return isEarly
    if (progressAt <= this.#grownAt && now - progressAt >= patience) return false
    this.#growsSince ??= now
    if (now - this.#growsSince > giveUp) return false
    this.#grownAt = now
    this.exempt = total
    return true
  }
}

/**
 * @param own limits of this client
 * @param isGivenLonger it is not held to have taken something
 * @param loopDelay how long an answer may wait for the event loop
 */
export function conductOf(
  delivery: Delivery,
  allowance: EmergencyAllowance,
  own: Limits,
  isGivenLonger: boolean,
  loopDelay: Millis,
  now: Millis,
): Conduct {
  const { stallAfter } = own
  const patience = emergencyPatience(own)
  const { minRtt = 0 } = delivery.window.path
  // its page or machine may be busy
  const answerTime = Math.max(patience, 2 * (minRtt + loopDelay))
  return {
    progressAt: delivery.progressAt,
    patience,
    giveUp: stallAfter,
    hasTaken: isGivenLonger || delivery.hasTaken(allowance.since, allowance.sequence),
    isEarly: now - allowance.since < answerTime,
  }
}
