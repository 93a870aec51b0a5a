import { z } from 'zod'
import { KiB, MiB } from '../lib/base/units.ts'
import { admissionOptions } from './admission-options.ts'
import { defaultBudget } from './default-budget.ts'
import { isLogger, type Logger } from './given-objects.ts'
import { callable, span } from './option-parts.ts'
import { isPlain } from './own-keys.ts'
import { RESERVED_EVENTS } from './reserved-events.ts'
import { shutdownOptions } from './shutdown-options.ts'
import { watermarks } from './watermarks.ts'

/**
 * The options of `attach`: the only source of their prose, defaults and ranges. `npm run docs` makes
 * the table of docs/reference.md and the docstrings of `SpillwayOptions` of it.
 */

export const attachOptions = z.strictObject({
  messages: z
    // a record would leave out `__proto__`, which is a name as any other
    .custom<Record<string, unknown>>(isPlain)
    .meta({ allowed: 'an object of annotated zod schemas by event name' })
    .prefault({})
    .describe('Annotated zod schemas by event name, for the main namespace.'),
  namespaces: z
    .custom<object>((value) => isPlain(value) || value instanceof Map)
    .meta({ allowed: 'an object of message maps by namespace, or a Map of them' })
    .prefault({})
    .describe('The same by namespace. A `Map` may have patterns as keys, for dynamic namespaces.'),
  mode: z
    .enum(['enforce', 'observe'])
    .default('enforce')
    .describe('`observe` sends everything and counts what would have been shed.'),
  validate: z
    .enum(['report', 'throw', 'off'])
    .default('report')
    .describe(
      'What a payload that fails its schema leads to. `report`: sent as critical, counted and logged. `throw`: the emit throws, and nothing of it is sent, published or stored; for development. `off`: schemas only classify. A payload is validated by the node that emits it.',
    ),
  watermarks: watermarks.prefault({}),
  maxAge: span
    .default(2000)
    .describe(
      'Milliseconds after which a waiting cosmetic message expires, unless its annotation says otherwise.',
    ),
  stallAfter: span
    .default(10_000)
    .describe('Milliseconds without progress after which a client counts as stalled.'),
  grace: z
    .int()
    .min(0)
    .max(3_600_000)
    .meta({ unit: 'milliseconds' })
    .default(10_000)
    .describe('Milliseconds after its connect in which a client is not closed for `limit`.'),
  tickBudget: z
    .number()
    .min(1)
    .max(1000)
    .meta({ unit: 'milliseconds' })
    .default(8)
    .describe(
      'Milliseconds of one turn of the event loop after which emits leave their writes to the next turns.',
    ),
  budget: z
    .int()
    .min(64 * KiB)
    .max(1024 * 1024 * MiB)
    .meta({ unit: 'bytes' })
    .optional()
    .transform((given) => given ?? defaultBudget())
    .describe(
      'Bytes of memory that the process may hold for all clients together, as estimated from what each message and its places in queues take; shared messages count once. Above it `low` and `high` shrink in proportion; above 1.5 times it clients are closed, those first that most is held for. Default: a quarter of the heap limit without its young generation, which is `--max-old-space-size`.',
    ),
  closedHistory: z
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe('How many closed clients are remembered with their reasons.'),
  admission: admissionOptions.optional(),
  shutdown: shutdownOptions.prefault({}),
  onShed: callable<(...args: never[]) => void>()
    .optional()
    .describe(
      'Called as `onShed(socket, summary)` when a client for which messages were shed has caught up, and every `shedInterval` until then, with `ongoing: true` in the summary.',
    ),
  onClosed: callable<(...args: never[]) => void>()
    .optional()
    .describe(
      'Called as `onClosed(socket, summary)` when a client was closed by the library, or its connection has ended, in whatever way, before it was sent everything: once for each namespace that it was in, or had left with something queued. The summary has the `code` and what was undelivered there, by event, what was emitted until Socket.IO had noticed included, so that it can be sent a snapshot when it comes back. A shutdown waits for its promise until the deadline; `app.close()` as long once more, for those whom the deadline has ended.',
    ),
  gapEvent: z
    .string()
    .min(1)
    .max(200)
    .refine((name) => !RESERVED_EVENTS.has(name))
    .meta({ allowed: "the name of an event of 1 to 200 characters, not one of Socket.IO's own" })
    .optional()
    .describe(
      'An event that a client is sent when messages were shed for it and it has caught up, with `{ dropped, conflated, expired, since }`, and every `shedInterval` until then, with `ongoing: true` in it. Default: none is sent.',
    ),
  shedInterval: z
    .int()
    .min(0)
    .max(3_600_000)
    .meta({ unit: 'milliseconds' })
    .default(30_000)
    .describe(
      'Milliseconds after which `onShed`, `gapEvent` and the log tell of a client that is behind all the time, again and again, each time of what was shed since the last. It is looked for about once a second; a client that takes nothing, or that something critical waits for, is told of later. 0: only when it has caught up.',
    ),
  log: z
    .custom<Logger>(isLogger)
    .meta({ allowed: 'a logger with the methods info, warn and error, as pino has' })
    .optional()
    .describe('A pino logger. The Fastify plugin passes `app.log`.'),
})

export type AttachOptions = z.output<typeof attachOptions>
