import { z } from 'zod'
import { refusalOf } from '../schemas/allowed.ts'
import { isSchema, type Priority, priorities, priority } from '../schemas/priority.ts'
import { refuse, verbatim } from './errors.ts'
import { RESERVED_EVENTS } from './reserved.ts'
import { makeRule, type Rule } from './rule.ts'

/** One annotated event, ready for classification. */
export interface CompiledEvent {
  readonly schema: z.ZodType
  /** For the event when it must not be shed: invalid, or with an ack. */
  readonly critical: Rule
  readonly rules: readonly Rule[]
  ruleOf(payload: unknown): Rule | undefined
  payloadOf(args: readonly unknown[]): unknown
  /** How many arguments the schema describes at most. */
  readonly arity: number
}

/**
 * Compiles one map of annotated schemas.
 *
 * @param path where the map stands in the options, for messages
 * @throws SpillwayError if an entry is reserved, no schema, not annotated or annotated wrongly
 */
export function compileMap(
  path: string,
  namespace: string,
  messages: Readonly<Record<string, z.ZodType>>,
): Map<string, CompiledEvent> {
  const compiled = new Map<string, CompiledEvent>()
  if (typeof messages !== 'object' || messages === null || Array.isArray(messages)) {
    const allowed = 'an object of annotated zod schemas by event name'
    throw refuse('SPILLWAY_INVALID_OPTION', path, messages, allowed)
  }
  for (const [event, schema] of Object.entries(messages)) {
    const at = `${path}[${JSON.stringify(event)}]`
    if (RESERVED_EVENTS.has(event)) {
      throw refuse(
        'SPILLWAY_RESERVED_EVENT',
        at,
        verbatim('an event name that Socket.IO keeps for itself'),
        `any event name but ${[...RESERVED_EVENTS].join(', ')}`,
      )
    }
    if (!isSchema(schema)) {
      throw refuse('SPILLWAY_INVALID_OPTION', at, schema, 'an annotated zod 4 schema')
    }
    compiled.set(event, compileEvent(at, namespace, event, schema))
  }
  return compiled
}

function compileEvent(
  path: string,
  namespace: string,
  event: string,
  schema: z.ZodType,
): CompiledEvent {
  const critical = makeRule(namespace, event, { class: 'critical' })
  const rules: Rule[] = [critical]
  const resolve = (at: string, branch: z.ZodType): ((payload: unknown) => Rule | undefined) => {
    const annotation = priorities.get(branch)
    if (annotation !== undefined) {
      const checked = checkAnnotation(at, branch, annotation)
      const rule = checked.class === 'critical' ? critical : makeRule(namespace, event, checked)
      if (rule !== critical) rules.push(rule)
      return () => rule
    }
    if (!(branch instanceof z.ZodDiscriminatedUnion)) {
      throw refuse(
        'SPILLWAY_UNANNOTATED_SCHEMA',
        at,
        verbatim(withoutAnnotation(branch)),
        'critical(schema), cosmetic(schema), or a discriminated union of such; annotate the final schema, since .optional() and the like return another one',
      )
    }
    return resolveUnion(at, branch, resolve)
  }
  const ruleOf = resolve(path, schema)
  return { schema, critical, rules, ruleOf, payloadOf: payloadOf(schema), arity: arityOf(schema) }
}

/** A tuple describes all arguments; what it has no room for may be recovery's offset. */
function payloadOf(schema: z.ZodType): CompiledEvent['payloadOf'] {
  if (!(schema instanceof z.ZodTuple)) return (args) => args[0]
  const { items, rest } = schema._zod.def
  return rest ? (args) => args : (args) => args.slice(0, items.length)
}

function arityOf(schema: z.ZodType): number {
  if (!(schema instanceof z.ZodTuple)) return 1
  const { items, rest } = schema._zod.def
  return rest ? Number.POSITIVE_INFINITY : items.length
}

/** One rule a value of the discriminator. */
function resolveUnion(
  path: string,
  union: z.ZodDiscriminatedUnion,
  resolve: (at: string, branch: z.ZodType) => (payload: unknown) => Rule | undefined,
): (payload: unknown) => Rule | undefined {
  const { discriminator, options } = union._zod.def
  const branches = new Map<unknown, (payload: unknown) => Rule | undefined>()
  for (const option of options as readonly z.ZodType[]) {
    const values = [...(option._zod.propValues?.[discriminator] ?? [])]
    const at = `${path}.${discriminator}=${values.map(String).join('|')}`
    const branch = resolve(at, option)
    for (const value of values) branches.set(value, branch)
  }
  return (payload) => {
    if (typeof payload !== 'object' || payload === null) return undefined
    return branches.get(Reflect.get(payload, discriminator))?.(payload)
  }
}

/** Annotations may have been registered by hand, so they are checked here again. */
function checkAnnotation(path: string, schema: z.ZodType, annotation: Priority): Priority {
  const parsed = priority.safeParse(annotation)
  if (!parsed.success) {
    const branch = priority.options.find(({ shape }) => shape.class.value === annotation?.class)
    const code = 'SPILLWAY_INVALID_ANNOTATION'
    throw refusalOf(code, path, branch ?? priority, annotation, parsed.error)
  }
  const { data } = parsed
  if (data.class === 'cosmetic' && typeof data.conflateBy === 'string') {
    const keys = keysOf(schema)
    if (keys && !keys.includes(data.conflateBy)) {
      throw refuse(
        'SPILLWAY_INVALID_ANNOTATION',
        `${path}.conflateBy`,
        data.conflateBy,
        `a key of the schema: ${keys.join(', ')}`,
      )
    }
  }
  return data
}

/** The keys that a payload can have; undefined if the schema doesn't tell. */
function keysOf(schema: z.ZodType): string[] | undefined {
  if (!(schema instanceof z.ZodObject)) return undefined
  const { catchall } = schema._zod.def
  const isOpen = catchall !== undefined && !(catchall instanceof z.ZodNever)
  return isOpen ? undefined : Object.keys(schema.shape)
}

/** Names what was probably meant when a wrapper hides an annotated schema. */
function withoutAnnotation(schema: z.ZodType): string {
  const said = `a schema of type ${schema._zod.def.type} without an annotation`
  for (let inner = innerOf(schema); inner; inner = innerOf(inner)) {
    if (priorities.get(inner)) return `${said} around one that is annotated`
  }
  return said
}

function innerOf(schema: z.ZodType): z.ZodType | undefined {
  const { innerType, in: input } = schema._zod.def as { innerType?: unknown; in?: unknown }
  const inner = innerType ?? input
  return isSchema(inner) ? inner : undefined
}
