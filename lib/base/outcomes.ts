/**
 * The one catalogue of what can happen to a message and to a client. A code is also the metric
 * label and the field in logs and admin answers.
 */

/** What became of one message for one client. */
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
  /** What the client observes, and what its Socket.IO library does by itself. */
  readonly client: string
  readonly level: 'info' | 'warn'
}

const reconnects = 'disconnect with reason "transport close"; reconnects by itself'

/** Why a client was closed with something to tell about it. */
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
/** The codes with which the library itself closes a client. */
export type EnforcedClosing = Exclude<ClosingCode, 'gone'>

/** Why a new client was refused. */
export const REFUSALS = {
  budget: 'the process is over its byte budget',
  loop: 'the event loop is later than admission.loopDelay',
  backlog:
    'clients of its address were closed for the budget, for what they were sent on connecting',
  shutdown: 'the server is being shut down',
} as const

export type RefusalReason = keyof typeof REFUSALS
export const REFUSAL_REASONS = Object.keys(REFUSALS) as [RefusalReason, ...RefusalReason[]]

/** Why a client is not being sent to, if it is not. */
export const SEND_STATES = ['ready', 'windowed', 'blocked', 'blind', 'closed'] as const
export type SendState = (typeof SEND_STATES)[number]

/** What goes wrong between the nodes. */
export const ADAPTER_FAULTS = {
  error: 'an adapter, or a client of Redis that one uses, has emitted an error',
  rejected: 'a command failed: what it told the other nodes may not have reached them',
  late: 'no answer within a second: what waited for it went on without',
} as const

export type AdapterFault = keyof typeof ADAPTER_FAULTS
