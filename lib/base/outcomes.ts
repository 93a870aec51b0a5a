/**
 * All outcomes of messages and of clients. A code is the same in metrics (as a label), in logs and in
 * answers of the admin routes.
 */

/** What becomes of a message, for each of its recipients. */
export const MESSAGE_OUTCOMES = {
  sent: 'handed to the transport; only a marker proves its receipt',
  dropped: 'no room: the client was congested',
  conflated: 'replaced in the queue by a newer message of the same key',
  expired: 'older than its maxAge when its turn came',
  undelivered: 'queued when the client was closed, or emitted while it was being closed',
} as const

export type MessageOutcome = keyof typeof MESSAGE_OUTCOMES
export type ShedOutcome = 'dropped' | 'conflated' | 'expired'

interface Closing {
  readonly reason: string
  /** What the client sees, and what its Socket.IO library does without further code. */
  readonly client: string
  readonly level: 'info' | 'warn'
}

const reconnects = 'disconnect with reason "transport close"; reconnects by itself'

/** Why a client was closed. A client that had received everything and left has no code. */
export const CLOSINGS = {
  'over-limit': {
    reason: 'above watermarks.limit and no progress for stallAfter',
    client: reconnects,
    level: 'warn',
  },
  emergency: {
    reason: 'above watermarks.emergency and took nothing, or for stallAfter less than it was sent',
    client: reconnects,
    level: 'warn',
  },
  stalled: {
    reason: 'something was sent and no progress for stallAfter',
    client: reconnects,
    level: 'warn',
  },
  budget: {
    reason: 'the process held more than 1.5 times `budget` for its clients, and most for this one',
    client: reconnects,
    level: 'warn',
  },
  terminated: {
    reason: 'ended by the administrator',
    client: reconnects,
    level: 'warn',
  },
  shutdown: {
    reason: 'had not received everything when the server was shut down',
    client: reconnects,
    level: 'warn',
  },
  gone: {
    reason: 'closed by the client, the application or the network with messages still queued',
    client: 'whatever closed it',
    level: 'info',
  },
} as const satisfies Record<string, Closing>

export type ClosingCode = keyof typeof CLOSINGS
export const CLOSING_CODES = Object.keys(CLOSINGS) as [ClosingCode, ...ClosingCode[]]
/** Codes with which the library itself closes clients. */
export type EnforcedClosing = Exclude<ClosingCode, 'gone'>

/** Why a new client was refused, by code. */
export const REFUSALS = {
  budget: 'the process is over its byte budget',
  loop: 'the event loop is later than admission.loopDelay',
  backlog:
    'clients of its address were closed for the budget, for what they were sent on connecting',
  shutdown: 'the server is being shut down',
} as const

export type RefusalReason = keyof typeof REFUSALS
export const REFUSAL_REASONS = Object.keys(REFUSALS) as [RefusalReason, ...RefusalReason[]]

/** Whether a cosmetic message can be sent to a client now, or why not. */
export const SEND_STATES = ['ready', 'windowed', 'blocked', 'blind', 'closed'] as const
export type SendState = (typeof SEND_STATES)[number]

/** Faults between the nodes of a cluster. */
export const ADAPTER_FAULTS = {
  error: 'an adapter, or a client of Redis that one uses, has emitted an error',
  rejected: 'a command failed: what it told the other nodes may not have reached them',
  late: 'no answer within a second: what waited for it went on without',
} as const

export type AdapterFault = keyof typeof ADAPTER_FAULTS
