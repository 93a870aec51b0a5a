import type { Bytes, Millis } from '../base/units.ts'

/** What the answer of a marker proves. */
export interface Proof {
  readonly now: Millis
  /** When the marker was written. */
  readonly at: Millis
  /** All bytes since the marker that was answered before. */
  readonly bytes: Bytes
  /** The latest of these, written since `since` without a pause in which the path was idle. */
  readonly run: Bytes
  readonly since: Millis
  /** In flight when the marker was written. */
  readonly ahead: Bytes
  /** The path was thought to be clear when the marker was written. */
  readonly clear: boolean
  /** Nothing was in flight before the marker. */
  readonly idle: boolean
  /** They are all that may be in flight at a time, as the response to a poll is. */
  readonly atOnce: boolean
  /**
   * Something waited behind it: without that, a late answer tells of the path's delay at most
   * (application-limited, as above), and the rate is at least so high.
   */
  readonly limited: boolean
  /**
   * How long the run may have been through before `now`: its marker was written later, or the answer
   * was handled later.
   */
  readonly slack: Millis
  /** Of the round trip, how much this process may have been late for a poll. */
  readonly late: Millis
}
