import { z } from 'zod'
import { refuse, verbatim } from '../lib/base/errors.ts'
import { safeParse } from './own-keys.ts'
import { refusalOf } from './refusal.ts'

/** Any zod 4 schema, those of `zod/mini` too. */
export type Schema = z.core.$ZodType

const REGISTRY = Symbol.for('fastify-spillway.priorities')

const ack = z
  .custom<object>(isSchema)
  .meta({ allowed: 'a zod 4 schema' })
  .optional()
  .describe(
    'A schema of what the client answers to an emit with a callback; a tuple describes several values. It types the callback, `emitWithAck` and `timeout`; answers are not validated. Of `critical()`, too.',
  )

/** Options of `critical()`. */
const criticalOptions = z.strictObject({ ack })

/** Options of `cosmetic()`. */
export const cosmeticOptions = z.strictObject({
  conflateBy: z
    .union([z.string().min(1), z.custom<(payload: never) => unknown>(isFunction)])
    .meta({ allowed: 'a key of the payload, or a function of it' })
    .optional()
    .describe(
      'A key of the payload, or a function of it. Of the waiting messages of one event with the same value only the newest is kept, in the place of the oldest.',
    ),
  maxAge: z
    .number()
    .min(1)
    .meta({ unit: 'milliseconds' })
    .optional()
    .describe(
      'Milliseconds after which a waiting message is not worth sending any more. Default: the option `maxAge`.',
    ),
  rank: z
    .int()
    .min(-100)
    .max(100)
    .optional()
    .describe(
      'Of the messages that wait the highest rank is sent first, and above `watermarks.high` the lowest is shed first. Default: 0.',
    ),
  drop: z
    .enum(['oldest', 'newest'])
    .optional()
    .describe(
      'Whether the oldest waiting message makes room for this one, or this one, the newest, is dropped. Default: `oldest`.',
    ),
  ack,
})

export const priority = z
  .discriminatedUnion('class', [
    z.strictObject({ class: z.literal('critical'), ...criticalOptions.shape }),
    z.strictObject({ class: z.literal('cosmetic'), ...cosmeticOptions.shape }),
  ])
  .meta({ allowed: 'what critical() or cosmetic() would have registered' })

/** The annotation of a schema, as it lies in {@link priorities}. */
export type Priority = z.infer<typeof priority>

/** Scalar values by which messages can be conflated. */
export type ConflationKey = string | number | bigint | boolean | null | undefined

export interface CriticalOptions<A extends Schema = never> {
  /**
   * A schema of what the client answers to an emit with a callback; a tuple describes several
   * values. It types the answer, which is not validated.
   */
  ack?: A
}

export interface CosmeticOptions<S extends Schema, A extends Schema = never>
  extends CriticalOptions<A> {
  /**
   * A key of the payload, or a function of it. Of the waiting messages of one event with the
   * same value only the newest is kept, in the place of the oldest.
   */
  conflateBy?: (keyof z.input<S> & string) | ((payload: z.input<S>) => ConflationKey)
  /** Milliseconds after which a waiting message is not worth sending any more. Default 2000. */
  maxAge?: number
  /** The highest is sent first, the lowest shed first; -100 to 100, default 0. */
  rank?: number
  /** Whether the oldest waiting message makes room (default), or the newest is dropped. */
  drop?: 'oldest' | 'newest'
}

/**
 * The registry of annotations. It is keyed by schema instance: annotate the final schema, since
 * `.optional()`, `.extend()` and the like return another one. What zod derives without a change of
 * type (`.refine()`, `.describe()`, `.clone()`) inherits the annotation.
 */
export const priorities = sharedRegistry()

/**
 * One registry for all copies of this module in a process: a bundle beside the package, or one
 * bundle within another.
 */
function sharedRegistry(): z.core.$ZodRegistry<Priority> {
  const holder = globalThis as { [REGISTRY]?: z.core.$ZodRegistry<Priority> }
  holder[REGISTRY] ??= z.registry<Priority>()
  return holder[REGISTRY]
}

/** What the type of a schema that is annotated with an `ack` says of it; no schema has it. */
export interface WithAck<A extends Schema> {
  readonly '~ack'?: A
}

type Annotated<S extends Schema, A extends Schema> = [A] extends [never] ? S : S & WithAck<A>

/** The `ack` of an annotated schema, or those of the branches of a union; never if there is none. */
export type AckOf<S> =
  S extends WithAck<infer A>
    ? A
    : S extends z.core.$ZodDiscriminatedUnion<infer Branches>
      ? AckOf<Branches[number]>
      : never

/**
 * Marks messages of this schema as critical: never shed, never reordered among critical ones.
 *
 * @returns the same schema
 * @throws SpillwayError SPILLWAY_INVALID_ANNOTATION if an option is not allowed or the schema is
 *   already annotated otherwise
 */
export function critical<S extends Schema, A extends Schema = never>(
  schema: S,
  options: CriticalOptions<A> = {},
): Annotated<S, A> {
  const parsed = optionsOf('critical()', criticalOptions, options)
  return annotate(schema, { class: 'critical', ...parsed }, 'critical()') as Annotated<S, A>
}

/**
 * Marks messages of this schema as cosmetic: shed for a client that cannot keep up. One that is
 * emitted with a callback is not: its answer is waited for.
 *
 * @returns the same schema
 * @throws SpillwayError SPILLWAY_INVALID_ANNOTATION if an option is not allowed or the schema is
 *   already annotated otherwise
 */
export function cosmetic<S extends Schema, A extends Schema = never>(
  schema: S,
  options: CosmeticOptions<S, A> = {},
): Annotated<S, A> {
  const parsed = optionsOf('cosmetic()', cosmeticOptions, options)
  return annotate(schema, { class: 'cosmetic', ...parsed }, 'cosmetic()') as Annotated<S, A>
}

function optionsOf<S extends z.ZodType>(by: string, schema: S, options: object): z.output<S> {
  const parsed = safeParse(schema, options)
  if (parsed.success) return parsed.data
  throw refusalOf('SPILLWAY_INVALID_ANNOTATION', by, schema, options, parsed.error)
}

function annotate<S extends Schema>(schema: S, annotation: Priority, by: string): S {
  if (!isSchema(schema)) {
    throw refuse('SPILLWAY_INVALID_ANNOTATION', by, schema, 'a zod 4 schema')
  }
  const earlier = priorities.get(schema)
  if (earlier !== undefined) {
    throw refuse(
      'SPILLWAY_INVALID_ANNOTATION',
      by,
      verbatim(`a schema that is annotated as ${earlier.class} already`),
      'one annotation a schema instance; build the schema a second time for another one',
    )
  }
  priorities.add(schema, annotation)
  return schema
}

export function isSchema(value: unknown): value is Schema {
  if (typeof value !== 'object' || value === null || !('_zod' in value)) return false
  const { _zod: internals } = value as { _zod: unknown }
  if (typeof internals !== 'object' || internals === null) return false
  const { def, run } = internals as { def?: unknown; run?: unknown }
  return typeof def === 'object' && def !== null && typeof run === 'function'
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}
