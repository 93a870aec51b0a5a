import { z } from 'zod'
import { CLOSING_CODES } from '../lib/outcomes.ts'

/** Shapes of what the handle and the admin endpoint tell. Sizes in bytes, spans in milliseconds. */

const count = z.int().min(0)
const bytes = z.int().min(0)
const span = z.number().min(0)

const sum = z.object({ messages: count, bytes })

export const outcomeCounts = z.object({
  sent: sum.describe('Handed to the transport.'),
  dropped: sum.describe('No room: the client was congested.'),
  conflated: sum.describe('Replaced in the queue by a newer message of the same key.'),
  expired: sum.describe('Older than its maxAge when its turn came.'),
  undelivered: sum.describe('Still queued when the client was closed.'),
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
  clients: z.object({
    connected: count,
    congested: count,
    waiting: count.describe(
      'Clients that something is queued for or not proven to be received, or that shed lately.',
    ),
  }),
  buffered: bytes.describe('Bytes buffered for all clients that wait.'),
  classes: z.object({ critical: outcomeCounts, cosmetic: outcomeCounts }),
  events: z.array(eventCounts),
  closed: z.record(z.enum(CLOSING_CODES), count),
  criticalLatency: z
    .object({
      count,
      sum: span,
      buckets: z.array(z.object({ to: span.nullable(), messages: count })),
    })
    .describe('Of critical messages with a marker behind them: emit to proven receipt.'),
  memory: z.object({ rss: bytes, heapUsed: bytes, external: bytes, arrayBuffers: bytes }),
})
export type SpillwayStats = z.infer<typeof spillwayStats>

export const clientStats = z.object({
  id: z.string(),
  sockets: z.record(z.string(), z.string()).describe('Socket.IO ids by namespace.'),
  transport: z.string(),
  address: z.string().nullable(),
  userAgent: z.string().nullable(),
  connectedFor: span,
  state: z.enum(['ready', 'windowed', 'blocked', 'blind', 'closed']),
  why: z.string().describe('The state in words.'),
  congested: z.boolean(),
  buffered: bytes.describe('queued + inFlight; of a blind client, queued + outstanding'),
  queued: bytes,
  outstanding: bytes.describe('Handed to the transport, not taken by the kernel yet.'),
  inFlight: bytes.describe('Handed to the transport, receipt not proven.'),
  window: bytes.describe('How much may be in flight.'),
  rtt: span.nullable().describe('Round trip of the latest marker.'),
  minRtt: span.nullable(),
  rate: z.number().min(0).nullable().describe('Delivery rate while the path was busy, bytes/s.'),
  wait: z
    .object({ critical: span.nullable(), cosmetic: span.nullable() })
    .describe('How long a message emitted now would wait, if nothing changes and nothing expires.'),
  lanes: z.object({ critical: sum, cosmetic: sum }),
  sinceProgress: span,
  ...outcomeCounts.shape,
  lastShed: z
    .object({
      namespace: z.string(),
      event: z.string(),
      outcome: z.enum(['dropped', 'conflated', 'expired']),
      ago: span,
    })
    .nullable(),
})
export type ClientStats = z.infer<typeof clientStats>

export const clientsQuery = z.object({
  sort: z.enum(['buffered', 'shed']).default('buffered'),
  limit: z.coerce.number().pipe(z.int().min(1).max(1000)).default(50),
  cursor: z.string().max(200).optional(),
})
export type ClientsQuery = z.infer<typeof clientsQuery>

export const clientsPage = z.object({
  total: count,
  clients: z.array(clientStats),
  next: z.string().nullable().describe('The cursor of the next page.'),
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
  undelivered: sum.describe('Still queued.'),
  inFlight: bytes.nullable().describe('Sent, receipt not proven; null if that cannot be known.'),
})
export type ClosedClient = z.infer<typeof closedClient>

export const closedPage = z.object({ closed: z.array(closedClient).describe('Latest first.') })

export const failure = z.object({ error: z.string(), message: z.string() })
