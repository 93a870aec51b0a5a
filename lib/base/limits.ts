import type { Bytes, Millis } from './units.ts'

/** The limits of all clients, in force from now on; replaced as a whole when they change. */
export interface Limits {
  readonly mode: 'enforce' | 'observe'
  readonly low: Bytes
  readonly high: Bytes
  readonly limit: Bytes
  readonly emergency: Bytes
  /** Bytes that a path carries within this time are no backlog, even above `high`. 0: `high` alone counts. */
  readonly horizon: Millis
  readonly stallAfter: Millis
  readonly grace: Millis
  /** Age at which a cosmetic message expires whose annotation has no `maxAge`. */
  readonly maxAge: Millis
}
