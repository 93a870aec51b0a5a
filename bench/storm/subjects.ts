/** What server, clients and scenario agree upon. */

export const SUBJECTS = ['spillway+admission', 'spillway', 'socket.io'] as const
export type Subject = (typeof SUBJECTS)[number]

/** Sequence numbers of the latest critical message to everybody, and to those who listen for more. */
export interface Sent {
  readonly critical: number
  readonly probe: number
}

/** Of the clients of the calm, those that are sent a critical message far more often. */
export const PROBED_SHARE = 0.05
/** Sequence numbers of these messages begin here. */
export const FIRST_PROBE = 1_000_000
