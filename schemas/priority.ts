import { z } from 'zod'
import { refuse } from '../lib/errors.ts'

/** What may be set beside the class of a cosmetic message. */
export const cosmeticOptions = z.strictObject({
  conflateBy: z
    .union([z.string().min(1), z.custom<(payload: never) => unknown>(isFunction)])
    .optional()
    .describe(
      'A key of the payload, or a function of it. Of the waiting messages of one event with the same value only the newest is kept, in the place of the oldest.',
    ),
  maxAge: z
    .number()
    .min(1)
    .optional()
    .describe('Milliseconds after which a waiting message is not worth sending any more.'),
  rank: z.int().min(-100).max(100).optional().describe('A lower rank is shed first.'),
  drop: z
    .enum(['oldest', 'newest'])
    .optional()
    .describe(
      'Whether the oldest waiting message makes room for this one, or this one is dropped.',
    ),
})

export const priority = z.discriminatedUnion('class', [
  z.strictObject({ class: z.literal('critical') }),
  z.strictObject({ class: z.literal('cosmetic'), ...cosmeticOptions.shape }),
])

/** The annotation of a schema, as it lies in {@link priorities}. */
export type Priority = z.infer<typeof priority>

/** Scalar values by which messages can be conflated. */
export type ConflationKey = string | number | bigint | boolean | null | undefined

export interface CosmeticOptions<S extends z.ZodType> {
  /**
   * A key of the payload, or a function of it. Of the waiting messages of one event with the
   * same value only the newest is kept, in the place of the oldest.
   */
  conflateBy?: (keyof z.input<S> & string) | ((payload: z.input<S>) => ConflationKey)
  /** Milliseconds after which a waiting message is not worth sending any more. Default 2000. */
  maxAge?: number
  /** A lower rank is shed first; -100 to 100, default 0. */
  rank?: number
  /** Whether the oldest waiting message makes room (default), or the newest is dropped. */
  drop?: 'oldest' | 'newest'
}

/**
 * The registry of annotations. It is keyed by schema instance: annotate the final schema, since
 * `.optional()`, `.describe()` and the like return another one.
 */
export const priorities = z.registry<Priority>()

/**
 * Marks messages of this schema as critical: never shed, never reordered among critical ones.
 *
 * @returns the same schema
 * @throws SpillwayError SPILLWAY_INVALID_ANNOTATION if it is already annotated otherwise
 */
export function critical<S extends z.ZodType>(schema: S): S {
  return annotate(schema, { class: 'critical' }, 'critical()')
}

/**
 * Marks messages of this schema as cosmetic: shed for a client that cannot keep up.
 *
 * @returns the same schema
 * @throws SpillwayError SPILLWAY_INVALID_ANNOTATION if an option is not allowed or the schema is
 *   already annotated otherwise
 */
export function cosmetic<S extends z.ZodType>(schema: S, options: CosmeticOptions<S> = {}): S {
  const parsed = cosmeticOptions.safeParse(options)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw refuse(
      'SPILLWAY_INVALID_ANNOTATION',
      ['cosmetic()', ...(issue?.path ?? [])].join('.'),
      issue?.path.length ? Reflect.get(options, issue.path[0]!) : options,
      issue?.message ?? 'conflateBy, maxAge, rank, drop',
    )
  }
  return annotate(schema, { class: 'cosmetic', ...parsed.data }, 'cosmetic()')
}

function annotate<S extends z.ZodType>(schema: S, annotation: Priority, by: string): S {
  if (!isSchema(schema)) {
    throw refuse('SPILLWAY_INVALID_ANNOTATION', by, schema, 'a zod 4 schema')
  }
  const earlier = priorities.get(schema)
  if (earlier !== undefined) {
    throw refuse(
      'SPILLWAY_INVALID_ANNOTATION',
      by,
      `a schema that is annotated as ${earlier.class} already`,
      'one annotation a schema instance; make another instance, e.g. with .clone()',
    )
  }
  priorities.add(schema, annotation)
  return schema
}

export function isSchema(value: unknown): value is z.ZodType {
  return typeof value === 'object' && value !== null && '_zod' in value
}

function isFunction(value: unknown): boolean {
  return typeof value === 'function'
}
