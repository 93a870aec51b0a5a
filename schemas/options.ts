import { z } from 'zod'
import { refuse } from '../lib/errors.ts'
import { type Bytes, KiB, MiB } from '../lib/units.ts'

/** The only source of the options' prose, defaults and ranges; the README's table is made of it. */

const bytes = z
  .int()
  .min(KiB)
  .max(1024 * MiB)
const span = z.int().min(100).max(3_600_000)

function callable<F>() {
  return z.custom<F>((value) => typeof value === 'function', { message: 'a function' })
}

export const watermarks = z
  .strictObject({
    low: bytes
      .default(64 * KiB)
      .describe('Bytes buffered for a client below which it is no longer congested.'),
    high: bytes
      .default(128 * KiB)
      .describe(
        'Bytes buffered for a client above which it is congested: cosmetic messages are shed.',
      ),
    limit: bytes
      .default(512 * KiB)
      .describe(
        'Bytes buffered for a client above which it is closed if it makes no progress for `stallAfter`.',
      ),
    emergency: bytes
      .optional()
      .describe(
        'Bytes buffered for a client above which it is closed at once, whatever it does. Default: 8 times `limit`.',
      ),
  })
  .describe('Bytes buffered for one client, at which something happens to it.')

const schemaMap = z.record(z.string(), z.unknown())

export const attachOptions = z.strictObject({
  messages: schemaMap
    .prefault({})
    .describe('Annotated zod schemas by event name, for the main namespace.'),
  namespaces: z
    .union([
      z.record(z.string(), schemaMap),
      z.map(z.union([z.string(), z.instanceof(RegExp)]), schemaMap),
    ])
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
      'What a payload that fails its schema leads to. `report`: sent as critical, counted and logged. `throw`: the emit throws; for development in a single process, since remote broadcasts throw where nobody catches. `off`: schemas only classify.',
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
    .default(10_000)
    .describe('Milliseconds after its connect in which a client is not closed for `limit`.'),
  closedHistory: z
    .int()
    .min(1)
    .max(10_000)
    .default(100)
    .describe('How many closed clients are remembered with their reasons.'),
  onShed: callable<(...args: never[]) => void>()
    .optional()
    .describe(
      'Called as `onShed(socket, summary)` when a client for which messages were shed has caught up.',
    ),
  log: z
    .custom<Logger>((value) => typeof value === 'object' && value !== null && 'warn' in value, {
      message: 'a logger like pino',
    })
    .optional()
    .describe('A pino logger. The Fastify plugin passes `app.log`.'),
})

/** The part of pino's interface that is used. */
export interface Logger {
  info(fields: object, message: string): void
  warn(fields: object, message: string): void
  error(fields: object, message: string): void
}

export type AttachOptions = z.output<typeof attachOptions>

export const adminOptions = z.strictObject({
  prefix: z
    .string()
    .regex(/^\/[\w\-./]*$/, { message: 'a path that begins with /' })
    .default('/spillway')
    .describe('Where the admin routes are mounted.'),
  auth: z
    .union([z.literal(false), callable(), z.array(callable()).min(1)])
    .describe(
      'An `onRequest` hook, or several, that let a request pass or answer it; `false` leaves the routes open.',
    ),
})

/**
 * Parses options, and refuses the first bad one by its path.
 *
 * @returns a frozen copy with defaults
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function parseOptions<S extends z.ZodType>(schema: S, given: unknown, at = ''): z.output<S> {
  const parsed = schema.safeParse(given)
  if (parsed.success) return Object.freeze(parsed.data) as z.output<S>
  const issue = deepest(parsed.error.issues[0]!)
  const path = issue.code === 'unrecognized_keys' ? [...issue.path, issue.keys[0]!] : issue.path
  const value = path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined,
    given,
  )
  throw refuse(
    'SPILLWAY_INVALID_OPTION',
    [...(at ? [at] : []), ...path.map(String)].join('.') || 'options',
    value,
    issue.code === 'unrecognized_keys' ? `the keys ${keysAt(schema, issue.path)}` : issue.message,
  )
}

/** zod hides the telling issue of a union below it. */
function deepest(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue
  const messages = issue.errors.flat().map(({ message }) => message)
  return { ...issue, message: [...new Set(messages)].join(', or ') || issue.message }
}

function keysAt(schema: z.ZodType, path: readonly PropertyKey[]): string {
  let inner: unknown = schema
  for (const key of path) inner = unwrap(shapeOf(inner)?.[String(key)])
  return Object.keys(shapeOf(inner) ?? {}).join(', ')
}

function shapeOf(schema: unknown): Record<string, unknown> | undefined {
  return schema instanceof z.ZodObject ? schema.shape : undefined
}

function unwrap(schema: unknown): unknown {
  return schema instanceof z.ZodPrefault || schema instanceof z.ZodOptional
    ? schema.unwrap()
    : schema
}

export type Watermarks = Record<'low' | 'high' | 'limit' | 'emergency', Bytes>

/** @throws SpillwayError SPILLWAY_WATERMARK_ORDER */
export function checkWatermarks(given: z.output<typeof watermarks>): Watermarks {
  const all = { ...given, emergency: given.emergency ?? 8 * given.limit }
  const names = ['low', 'high', 'limit', 'emergency'] as const
  for (const [index, name] of names.entries()) {
    const next = names[index + 1]
    if (next === undefined || all[name] < all[next]) continue
    throw refuse(
      'SPILLWAY_WATERMARK_ORDER',
      `watermarks.${name}`,
      `${all[name]} with ${next} ${all[next]}`,
      'low < high < limit < emergency',
    )
  }
  return all
}
