import { z } from 'zod'
import { refuse, verbatim } from '../lib/base/errors.ts'
import { type Bytes, KiB, MiB, type Millis } from '../lib/base/units.ts'
import { defaultBudget } from './default-budget.ts'
import { isPlain, safeParse } from './own-keys.ts'
import { refusalOf } from './refusal.ts'
import { RESERVED_EVENTS } from './reserved-events.ts'

/** The only source of the options' prose, defaults and ranges; the README's table is made of it. */

const bytes = z
  .int()
  .min(KiB)
  .max(1024 * MiB)
  .meta({ unit: 'bytes' })
const span = z.int().min(100).max(3_600_000).meta({ unit: 'milliseconds' })

function callable<F>() {
  return z.custom<F>((value) => typeof value === 'function').meta({ allowed: 'a function' })
}

function objectOf<T extends object>(allowed: string) {
  return z.custom<T>(isPlain).meta({ allowed })
}

export const watermarks = z
  .strictObject({
    low: bytes
      .default(64 * KiB)
      .describe('Bytes buffered for a client below which it is no longer congested.'),
    high: bytes
      .default(128 * KiB)
      .describe(
        'Bytes buffered for a client above which it is congested, and cosmetic messages are shed, unless its path carries them within `watermarks.horizon`.',
      ),
    limit: bytes
      .default(512 * KiB)
      .describe(
        'Bytes buffered for a client above which it is closed if it makes no progress for `stallAfter`.',
      ),
    emergency: bytes
      .optional()
      .describe(
        'Bytes buffered for a client above which it is closed when it is sent more and takes none of it in 0.08 of `stallAfter`. What one turn of the event loop brings to a client that has caught up does not count, and one that takes what it is sent may have more. Default: 8 times `limit`.',
      ),
    horizon: z
      .int()
      .min(0)
      .max(60_000)
      .meta({ unit: 'milliseconds' })
      .default(500)
      .describe(
        'Milliseconds, beyond a round trip, within which a path that carries what is buffered is not congested, though that be above `high`: up to `limit`, and what a long path holds beside that, but no more than half of `emergency`. `high` rises with the rate of each client, and not at all above the byte budget. `0`: the bytes alone count.',
      ),
  })
  .describe('What is buffered for one client, at which something happens to it.')

export const admissionOptions = z
  .strictObject({
    loopDelay: z
      .int()
      .min(10)
      .max(60_000)
      .meta({ unit: 'milliseconds' })
      .optional()
      .describe(
        'Milliseconds by which the event loop may be late, averaged over about half a second. Above it new clients are refused, until it is below half of it. Default: it does not matter.',
      ),
    retryAfter: span
      .default(5000)
      .describe(
        'Milliseconds after which a refused client may try again, at the least; each is told another time, up to twice that.',
      ),
  })
  .describe(
    'Refuses new clients while the process is over its byte budget or its event loop is late. Without it only a shutdown refuses anybody, and, for up to 40 s, whoever comes back to be sent more on connecting than the budget allows.',
  )

export const shutdownOptions = z
  .strictObject({
    deadline: z
      .int()
      .min(0)
      .max(3_600_000)
      .meta({ unit: 'milliseconds' })
      .default(5000)
      .describe(
        'Milliseconds that a shutdown may take to send what is critical and to close the clients; who is left then is terminated.',
      ),
    spread: z
      .int()
      .min(0)
      .max(3_600_000)
      .meta({ unit: 'milliseconds' })
      .default(0)
      .describe(
        'Milliseconds over which the clients are closed, so that they do not all reconnect at once; at most `deadline`.',
      ),
  })
  .describe('How clients are closed when the server shuts down.')

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

/** The part of pino's interface that is used. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

/** The part of prom-client's registry by which one is told. */
export interface MetricsRegistry {
  registerMetric(metric: never): void
  getSingleMetric(name: string): unknown
  removeSingleMetric(name: string): void
  metrics(): Promise<string>
}

const REGISTRY_METHODS = [
  'registerMetric',
  'getSingleMetric',
  'removeSingleMetric',
  'metrics',
] as const satisfies ReadonlyArray<keyof MetricsRegistry>

function isRegistry(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    REGISTRY_METHODS.every((name) => typeof Reflect.get(value, name) === 'function')
  )
}

function isOfFunctions(value: unknown): boolean {
  return isPlain(value) && Object.values(value).every((each) => typeof each === 'function')
}

const LEVELS = ['info', 'warn', 'error'] as const satisfies ReadonlyArray<keyof Logger>

function isLogger(value: unknown): boolean {
  return (
    typeof value === 'object' &&
    value !== null &&
    LEVELS.every((level) => typeof Reflect.get(value, level) === 'function')
  )
}

/** What is told to clients that a shutdown refuses, where nothing else is said. */
export const RETRY_AFTER: Millis = admissionOptions.parse({}).retryAfter

export type AttachOptions = z.output<typeof attachOptions>

/** What may be changed while the server runs; what is left out stays as it is. */
export const policyChange = z
  .strictObject({
    mode: attachOptions.shape.mode.unwrap(),
    watermarks: z
      .strictObject({
        low: watermarks.shape.low.unwrap(),
        high: watermarks.shape.high.unwrap(),
        limit: watermarks.shape.limit.unwrap(),
        emergency: watermarks.shape.emergency.unwrap(),
      })
      .partial(),
    maxAge: attachOptions.shape.maxAge.unwrap(),
  })
  .partial()
export type PolicyChange = z.output<typeof policyChange>

export const policy = z.object({
  mode: attachOptions.shape.mode.unwrap(),
  watermarks: z.object({ low: bytes, high: bytes, limit: bytes, emergency: bytes }),
  maxAge: span,
})
export type Policy = z.output<typeof policy>

const hook = callable().meta({ allowed: 'an onRequest hook' })
const hooks = z
  .union([z.literal(false), hook, z.array(hook).min(1)])
  .meta({ allowed: 'an onRequest hook, an array of at least one, or an explicit false' })

export const adminOptions = z.strictObject({
  prefix: z
    .string()
    .regex(/^(?=\/)(?:\/(?!\.{1,2}(?:\/|$))[\w\-.]+)*\/?$/)
    .meta({
      allowed:
        'a path as /ops/spillway, its segments of letters, digits and - _ . but neither empty nor . or ..',
    })
    .default('/spillway')
    .describe('Where the admin routes are mounted.'),
  auth: hooks.describe(
    'An `onRequest` hook, or several, that let a request pass or answer it; `false` leaves the routes open.',
  ),
  changeAuth: hooks
    .optional()
    .describe('The same for the routes that change something; without it they refuse everyone.'),
  ui: z.boolean().default(true).describe('Whether there is a dashboard at `{prefix}/ui`.'),
  rateLimit: z
    .int()
    .min(1)
    .max(1_000_000)
    .default(600)
    .describe('Requests a minute of one address, where the app has @fastify/rate-limit.'),
})

export const metricsRegistry = z
  .custom<MetricsRegistry>(isRegistry)
  .meta({ allowed: 'a Registry of prom-client' })

/** What the Fastify plugin takes beside the options of `attach`. */
export const pluginOptions = z.strictObject({
  ...attachOptions.shape,
  io: z
    .unknown()
    .meta({ allowed: 'a Server of socket.io 4.7 or later' })
    .optional()
    .describe(
      'The Socket.IO server. Default: `app.io` (fastify-socket.io), else one is made on `app.server` and closed with the app.',
    ),
  server: objectOf<object>("an object of Socket.IO's server options")
    .optional()
    .describe('Options of the Socket.IO server that is made when there is none.'),
  metrics: z
    .strictObject({
      registry: metricsRegistry.describe('The prom-client registry that the metrics go to.'),
    })
    .optional()
    .describe('Where the metrics go. Default: a registry of our own at `{prefix}/metrics`.'),
  prefix: z
    .string()
    .max(1000)
    .optional()
    .describe(
      "Fastify's own, as of each plugin: the admin routes are at `{prefix}{admin.prefix}`.",
    ),
  logLevel: z
    .string()
    .min(1)
    .max(100)
    .optional()
    .describe(
      "Fastify's own: of the admin routes, and of what the plugin itself writes to `app.log`.",
    ),
  logSerializers: z
    .custom<Readonly<Record<string, (value: never) => unknown>>>(isOfFunctions)
    .meta({ allowed: 'an object of functions by the key of a log line' })
    .optional()
    .describe(
      "Fastify's own: of the admin routes, and of what the plugin itself writes to `app.log`.",
    ),
  admin: adminOptions.optional().describe('Mounts the admin routes; without it there are none.'),
})

/**
 * Parses options, and refuses the first bad one by its path.
 *
 * @returns a frozen copy with defaults; of what is only looked at, itself
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function parseOptions<S extends z.ZodType>(schema: S, given: unknown, at = ''): z.output<S> {
  const parsed = safeParse(schema, given)
  if (parsed.success) {
    return parsed.data === given ? parsed.data : (Object.freeze(parsed.data) as z.output<S>)
  }
  throw refusalOf('SPILLWAY_INVALID_OPTION', at, schema, given, parsed.error)
}

export type Watermarks = Record<'low' | 'high' | 'limit' | 'emergency', Bytes>

type GivenWatermarks = Omit<Watermarks, 'emergency'> & { readonly emergency?: Bytes | undefined }

/**
 * @returns the same
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function checkShutdown(given: z.output<typeof shutdownOptions>) {
  const { deadline, spread } = given
  if (spread <= deadline) return given
  throw refuse(
    'SPILLWAY_INVALID_OPTION',
    'shutdown.spread',
    verbatim(`${spread} with deadline ${deadline}`),
    'at most shutdown.deadline',
  )
}

/** @throws SpillwayError SPILLWAY_WATERMARK_ORDER */
export function checkWatermarks<G extends GivenWatermarks>(given: G): G & Watermarks {
  const all = { ...given, emergency: given.emergency ?? 8 * given.limit }
  const names = ['low', 'high', 'limit', 'emergency'] as const
  for (const [index, name] of names.entries()) {
    const next = names[index + 1]
    if (next === undefined || all[name] < all[next]) continue
    throw refuse(
      'SPILLWAY_WATERMARK_ORDER',
      `watermarks.${name}`,
      verbatim(`${all[name]} with ${next} ${all[next]}`),
      'low < high < limit < emergency',
    )
  }
  return all
}
