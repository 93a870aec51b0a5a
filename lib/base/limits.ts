import type { Bytes, Millis } from './units.ts'

/** The limits that all channels share; they may change while the server runs. */
export interface Limits {
  readonly mode: 'enforce' | 'observe'
  readonly low: Bytes
  readonly high: Bytes
  readonly limit: Bytes
  readonly emergency: Bytes
  /** What a path carries within this time is no backlog, though it be above `high`; 0: bytes alone. */
  readonly horizon: Millis
  readonly stallAfter: Millis
  readonly grace: Millis
  /** Of cosmetic messages whose annotation does not say. */
  readonly maxAge: Millis
}
