import { z } from 'zod'
import { CLOSING_CODES, REFUSAL_REASONS, SEND_STATES } from '../lib/base/outcomes.ts'
import { policy } from './policy.ts'

/** Shapes of answers of the handle and of the admin routes. Sizes in bytes, times in milliseconds. */

const count = z.int().min(0)
const bytes = z.int().min(0)
const span = z.number().min(0)

const sum = z.object({ messages: count, bytes })

export const outcomeCounts = z.object({
  sent: sum.describe('Handed to the transport.'),
  dropped: sum.describe('No room: the client was congested.'),
  conflated: sum.describe('Replaced in the queue by a newer message of the same key.'),
  expired: sum.describe('Older than its maxAge when its turn came.'),
  undelivered: sum.describe(
    'Queued when the client was closed, or emitted while it was being closed.',
  ),
  observed: sum.describe('Sent in mode observe, though enforce would have dropped it.'),
})

const messageClass = z.enum(['critical', 'cosmetic'])

export const eventCounts = z.object({
  namespace: z.string(),
  event: z.string(),
  class: messageClass,
  invalid: count.describe('Emits whose payload failed its schema.'),
  ...outcomeCounts.shape,
})

export const spillwayStats = z.object({
  mode: z.enum(['enforce', 'observe']),
  watermarks: z.object({ low: bytes, high: bytes, limit: bytes, emergency: bytes }),
  horizon: span.describe('What a path carries within this time is no backlog.'),
  stallAfter: span.describe('Without progress for so long a client is closed.'),
  grace: span.describe('After its connect, in which it is not closed for `limit`.'),
  clients: z.object({
    connected: count,
    congested: count,
    waiting: count.describe(
      'Clients that something is queued for or not proven to be received, or that shed lately.',
    ),
  }),
  buffered: bytes.describe('Bytes buffered for all clients.'),
  budget: z
    .object({ limit: bytes, held: bytes })
    .describe('What may be held for all clients, and what is: shared messages count once.'),
  classes: z.object({ critical: outcomeCounts, cosmetic: outcomeCounts }),
  events: z.array(eventCounts),
  closed: z.record(z.enum(CLOSING_CODES), count),
  refused: z
    .record(z.enum(REFUSAL_REASONS), count)
    .describe('New clients that were refused, by admission or a shutdown.'),
  criticalLatency: z
    .object({
      count,
      sum: span,
      buckets: z.array(z.object({ to: span.nullable(), messages: count })),
    })
    .describe('Of a sample of the critical messages: emit to proven receipt.'),
  drains: count.describe('How often a client has left congestion.'),
  census: z
    .object({
      age: span.nullable().describe('Since its latest lap ended; null before the first.'),
      states: z.record(z.enum(SEND_STATES), count),
      blind: count.describe('Clients that answer no markers.'),
      queueing: count.describe('Clients that something is queued for.'),
      stalling: count.describe(
        'Clients that owe a proof of progress for a quarter of `stallAfter` or longer.',
      ),
      losing: count.describe(
        'Clients for which more than a tenth of what they are offered is shed.',
      ),
      queued: z.object({ critical: sum, cosmetic: sum }),
      inFlight: bytes,
      buffered: z.array(z.object({ to: bytes.nullable(), clients: count })),
    })
    .describe('All clients, counted a share at a time, about once a second.'),
  fanout: z.object({
    slices: count.describe('Turns of the loop that served clients left by the turn before.'),
    busy: span.describe('Of the event loop, in emits, answers of markers and writes.'),
  }),
  memory: z.object({ rss: bytes, heapUsed: bytes, external: bytes, arrayBuffers: bytes }),
})
export type SpillwayStats = z.infer<typeof spillwayStats>

export const clientStats = z.object({
  id: z.string(),
  sockets: z.record(z.string(), z.string()).describe('Socket.IO ids by namespace, 100 at most.'),
  transport: z.string(),
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
  connectedFor: span,
  state: z.enum(SEND_STATES),
  why: z
    .string()
    .describe(
      'The state in words, with how noisy the path is and how long it needs for what is buffered.',
    ),
  congested: z.boolean(),
  high: bytes.describe(
    'Bytes buffered above which it is congested now: `watermarks.high`, or what its path carries soon.',
  ),
  buffered: bytes.describe('queued + inFlight; of a blind client, queued + outstanding'),
  queued: bytes,
  outstanding: bytes.describe('Handed to the transport, not taken by the kernel yet.'),
  exempt: z.boolean().describe('Never closed because of the budget.'),
  inFlight: bytes.describe('Handed to the transport, receipt not proven.'),
  window: bytes.describe('How much may be in flight.'),
  rtt: span
    .nullable()
    .describe('Round trip of the latest marker; at least the age of the oldest one that is open.'),
  minRtt: span.nullable(),
  noise: span.describe(
    'How late answers may be by themselves, as on radio links, with nothing waiting on the path.',
  ),
  rate: z.number().min(0).nullable().describe('Delivery rate while the path was busy, bytes/s.'),
  wait: z
    .object({ critical: span.nullable(), cosmetic: span.nullable() })
    .describe(
      'How long a message emitted now would wait, of the lowest rank if it is cosmetic, if nothing changes and nothing expires; in mode observe, in the network and the buffers before it. While an answer is overdue, at least so long; null if nothing is known of the rate.',
    ),
  lanes: z.object({ critical: sum, cosmetic: sum }),
  sinceProgress: span.describe('Since something was proven received; 0 if nothing is outstanding.'),
  stalledFor: span.describe(
    'How long it owes a proof of progress: since the latest one, or since it was asked. 0 if it owes none.',
  ),
  stalling: z.boolean().describe('Whether that is a quarter of `stallAfter` or longer.'),
  closesIn: span
    .nullable()
    .describe('Until it is closed, if it makes no progress; null if nothing leads to that.'),
  drains: z.object({
    count: count.describe('How often it has left congestion.'),
    perMinute: z.number().min(0).describe('Lately: a mean that forgets within some minutes.'),
  }),
  ...outcomeCounts.shape,
  lossShare: z
    .number()
    .min(0)
    .max(1)
    .describe(
      'Of what it was offered in the last 5 to 10 s, the share that was shed; in mode observe, that would have been.',
    ),
  losing: z.boolean().describe('Whether that is more than a tenth, congested or not.'),
  lastShed: z
    .object({
      namespace: z.string(),
      event: z.string(),
      outcome: z.enum(['dropped', 'conflated', 'expired']),
      ago: span,
      why: z.string().describe('In words, with how long the path needed for what was buffered.'),
    })
    .nullable(),
})
export type ClientStats = z.infer<typeof clientStats>

/** Clients on one page: making a page holds the event loop for a few milliseconds at most. */
const most = z.int().min(1).max(200)
const cursor = z.string().min(1).max(200)
const name = z.string().min(1).max(200)

/** The query of `list`. */
export const listQuery = z.strictObject({
  sort: z
    .enum(['buffered', 'wait', 'shed', 'rtt', 'age', 'stalled', 'worst'])
    .default('buffered')
    .describe(
      '`worst`: first those that are stalling, by `stalledFor`, then those that are congested or losing, then the others, both by predicted wait in steps of a factor of two, so that the order is steady. `shed` counts what mode observe would have shed.',
    ),
  namespace: name.optional().describe('Clients that are connected to it.'),
  room: name
    .optional()
    .describe('Clients that are in a room of this name, of any namespace unless one is given.'),
  congested: z.boolean().optional(),
  losing: z
    .boolean()
    .optional()
    .describe(
      'Clients for which more than a tenth of what they were offered lately was shed, or in mode observe would have been, whatever is buffered for them.',
    ),
  state: z
    .enum(SEND_STATES)
    .optional()
    .describe(
      '`closed`: those that are being closed and still connected, since what is critical goes first.',
    ),
  limit: most.default(50),
  cursor: cursor.optional(),
})
export type ListQuery = z.output<typeof listQuery>

/** Accepts a number as text too, in decimal digits, as query strings have it. */
function fromText<S extends z.ZodType>(number: S) {
  const parse = (given: unknown) =>
    typeof given === 'string' && /^\d{1,9}$/.test(given) ? Number(given) : given
  return z.preprocess(parse, number)
}

const limit = fromText(most)

const yesOrNo = z
  .enum(['true', 'false'])
  .transform((given) => given === 'true')
  .meta({ allowed: 'true or false' })
  .optional()

export const clientsQuery = listQuery.extend({
  congested: yesOrNo,
  losing: yesOrNo.describe(listQuery.shape.losing.description!),
  limit: limit.default(50),
})

export const clientsPage = z.object({
  total: count.describe('Clients that match; on later pages, that matched on the first.'),
  clients: z.array(clientStats),
  next: z
    .string()
    .nullable()
    .describe(
      'The cursor of the next page, in the order of the first, which is kept for a minute after the latest further page.',
    ),
})
export type ClientsPage = z.infer<typeof clientsPage>

export const closedClient = z.object({
  id: z.string(),
  code: z.enum(CLOSING_CODES),
  reason: z.string(),
  at: z.string().describe('ISO 8601'),
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
  connectedFor: span,
  undelivered: sum.describe('Queued when it was closed, or emitted while it was being closed.'),
  inFlight: bytes.nullable().describe('Sent, receipt not proven; null if that cannot be known.'),
})
export type ClosedClient = z.infer<typeof closedClient>

export const closedQuery = z.strictObject({
  code: z.enum(CLOSING_CODES).optional(),
  limit: limit.default(100),
  cursor: cursor.optional(),
})
export type ClosedQuery = z.output<typeof closedQuery>

export const closedPage = z.object({
  closed: z.array(closedClient).describe('Latest first.'),
  next: z.string().nullable().describe('The cursor of the next page.'),
})
export type ClosedPage = z.infer<typeof closedPage>

/** The limit of `queue`. */
export const queueLimit = z.int().min(1).max(1000)

export const queueQuery = z.strictObject({
  limit: fromText(queueLimit).default(100),
})

export const clientQueue = z.object({
  id: z.string(),
  lanes: z.object({ critical: sum, cosmetic: sum }),
  messages: z
    .array(
      z.object({
        class: messageClass,
        namespace: z.string(),
        event: z.string().nullable().describe('Null if it is not an event.'),
        bytes,
        age: span,
        expiresIn: z.number().nullable().describe('Null if it does not expire.'),
      }),
    )
    .describe('In the order in which they would be sent; at most `limit`.'),
})
export type ClientQueue = z.infer<typeof clientQueue>

export const policyState = policy.extend({
  changeable: z.boolean().describe('Whether the routes that change something are on.'),
})

export const failure = z.object({ error: z.string(), message: z.string() })
