import type { Limits } from '../base/limits.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Delivery } from './delivery.ts'
import { emergencyPatience } from './sentence.ts'

/** How a client is when it has to be decided whether it may be sent more than counts so far. */
export interface Conduct {
  /** When it last took something. */
  readonly progressAt: Millis
  /** Without progress for so long it is not known to be taking anything. */
  readonly patience: Millis
  /** For so long it may be sent more than it takes. */
  readonly giveUp: Millis
  /** It has taken something since it had caught up, or does not have to. */
  readonly hasTaken: boolean
  /** It can't have shown yet that it has. */
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
export class Surplus {
  /** When it is first seen that the client has not caught up. */
  readonly since: Millis
  /** Of the latest marker that was written before. */
  readonly sequence: number
  /** Bytes that do not count. */
  exempt: Bytes
  /** The turn of the loop in which it had. */
  readonly #turn: number
  /** When it was last let grow by what counts. */
  #grownAt: Millis
  /** Since when it has been let grow, without falling below `emergency`. */
  #growsSince: Millis | undefined

  /** @param sequence, turn of when the client had caught up for the last time */
  constructor(since: Millis, sequence: number, turn: number, exempt: Bytes) {
    this.since = since
    this.sequence = sequence
    this.exempt = exempt
    this.#turn = turn
    this.#grownAt = since
  }

  /**
   * Whether the client may be sent a message however it behaves.
   *
   * @param total buffered with it
   */
  covers(total: Bytes, bytes: Bytes, turn: number, emergency: Bytes): boolean {
    if (turn === this.#turn) {
      this.exempt += bytes
      return true
    }
    if (total <= emergency) this.#growsSince = undefined
    return total <= emergency + this.exempt
  }

  /** Whether a client that is sent more may be sent it for what it takes; it counts no more then. */
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
  surplus: Surplus,
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
    hasTaken: isGivenLonger || delivery.hasTaken(surplus.since, surplus.sequence),
    isEarly: now - surplus.since < answerTime,
  }
}
