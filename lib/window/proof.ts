import type { Bytes, Millis } from '../base/units.ts'

/** What the answer to a marker proves. */
export interface Proof {
  readonly now: Millis
  /** When the marker was written. */
  readonly at: Millis
  /** Bytes between the marker that was answered before and this one. */
  readonly bytes: Bytes
  /** The last of these bytes, written since `since` without a pause in which the path was idle. */
  readonly run: Bytes
  readonly since: Millis
  /** Bytes in flight when the marker was written. */
  readonly ahead: Bytes
  /** The path was thought to be clear when the marker was written. */
  readonly clear: boolean
  /** Nothing was in flight before the marker. */
  readonly idle: boolean
  /** The bytes are all that may be in flight at a time, as in the response to a poll. */
  readonly atOnce: boolean
  /**
   * Something waited behind the bytes. Without that the sample is application-limited: the rate of the
   * path is at least as high as the sample.
   */
  readonly limited: boolean
  /**
   * How long before `now` the run may have arrived: its marker was written later than the run, or its
   * answer was handled later than it came.
   */
  readonly slack: Millis
  /** The part of the round trip for which this process may have been late to read a poll. */
  readonly late: Millis
}
