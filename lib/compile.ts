import { z } from 'zod'
import { isSchema, type Priority, priorities, priority } from '../schemas/priority.ts'
import { refuse } from './errors.ts'
import { makeRule, type Rule } from './rule.ts'
import type { Millis } from './units.ts'

/** Socket.IO refuses to emit these. */
const RESERVED_EVENTS: ReadonlySet<string> = new Set([
  'connect',
  'connect_error',
  'disconnect',
  'disconnecting',
  'newListener',
  'removeListener',
])

/** One annotated event, ready for classification. */
export interface CompiledEvent {
  readonly schema: z.ZodType
  /** For the event when it must not be shed: invalid, or with an ack. */
  readonly critical: Rule
  readonly rules: readonly Rule[]
  ruleOf(payload: unknown): Rule | undefined
  payloadOf(args: readonly unknown[]): unknown
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
  maxAge: Millis,
): Map<string, CompiledEvent> {
  const compiled = new Map<string, CompiledEvent>()
  for (const [event, schema] of Object.entries(messages)) {
    const at = `${path}[${JSON.stringify(event)}]`
    if (RESERVED_EVENTS.has(event)) {
      throw refuse(
        'SPILLWAY_RESERVED_EVENT',
        at,
        event,
        `any event name but ${[...RESERVED_EVENTS].join(', ')}`,
      )
    }
    if (!isSchema(schema)) {
      throw refuse('SPILLWAY_INVALID_OPTION', at, schema, 'an annotated zod 4 schema')
    }
    compiled.set(event, compileEvent(at, namespace, event, schema, maxAge))
  }
  return compiled
}

function compileEvent(
  path: string,
  namespace: string,
  event: string,
  schema: z.ZodType,
  maxAge: Millis,
): CompiledEvent {
  const critical = makeRule(namespace, event, { class: 'critical' }, maxAge)
  const rules: Rule[] = [critical]
  const resolve = (at: string, branch: z.ZodType): ((payload: unknown) => Rule | undefined) => {
    const annotation = priorities.get(branch)
    if (annotation !== undefined) {
      const checked = checkAnnotation(at, branch, annotation)
      const rule =
        checked.class === 'critical' ? critical : makeRule(namespace, event, checked, maxAge)
      if (rule !== critical) rules.push(rule)
      return () => rule
    }
    if (!(branch instanceof z.ZodDiscriminatedUnion)) {
      throw refuse(
        'SPILLWAY_UNANNOTATED_SCHEMA',
        at,
        `a schema of type ${branch._zod.def.type} without an annotation`,
        'critical(schema), cosmetic(schema), or a discriminated union of such; annotate the final schema, not one that .optional() or the like was called on afterwards',
      )
    }
    return resolveUnion(at, branch, resolve)
  }
  const ruleOf = resolve(path, schema)
  const payloadOf =
    schema instanceof z.ZodTuple
      ? (args: readonly unknown[]) => args.slice(0, schema._zod.def.items.length)
      : (args: readonly unknown[]) => args[0]
  return { schema, critical, rules, ruleOf, payloadOf }
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
    const [issue] = parsed.error.issues
    throw refuse(
      'SPILLWAY_INVALID_ANNOTATION',
      [path, ...(issue?.path ?? [])].join('.'),
      issue?.path.length ? Reflect.get(annotation, issue.path[0]!) : annotation,
      issue?.message ?? 'see critical() and cosmetic()',
    )
  }
  const { data } = parsed
  if (data.class === 'cosmetic' && typeof data.conflateBy === 'string') {
    const keys = schema instanceof z.ZodObject ? Object.keys(schema.shape) : undefined
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
