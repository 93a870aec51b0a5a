import type { z } from 'zod'
import { isPlain, safeParse } from '../../schemas/own-keys.ts'
import {
  isSchema,
  type Priority,
  priorities,
  priority,
  type Schema,
} from '../../schemas/priority.ts'
import { refusalOf } from '../../schemas/refusal.ts'
import { RESERVED_EVENTS } from '../../schemas/reserved-events.ts'
import { refuse, verbatim } from '../base/errors.ts'
import { makeRule, type Rule } from '../message/rule.ts'
import { refuseCallback } from './callback-arguments.ts'
import { isDiscriminatedUnion, type RuleOf, ruleByBranch } from './union-branches.ts'

/** A schema whose annotation classifies messages. */
export interface AnnotatedSchema {
  /** Path in the options, for error messages. */
  readonly path: string
  readonly schema: Schema
}

/** An annotated event, compiled for classification. */
export interface CompiledEvent {
  readonly schema: Schema
  /** The event's schema, or the annotated branches of its union. */
  readonly annotated: readonly AnnotatedSchema[]
  /** The rule of the event's messages that must not be shed: invalid, or with an ack. */
  readonly critical: Rule
  readonly rules: readonly Rule[]
  readonly ruleOf: RuleOf
  payloadOf(args: readonly unknown[]): unknown
  /** The most arguments that the schema describes. */
  readonly arity: number
}

/**
 * Compiles one map of annotated schemas.
 *
 * @param path path of the map in the options, for error messages
 * @throws SpillwayError if an entry's name is reserved, or its schema is none, has no annotation or an
 *   invalid one
 */
export function compileMap(
  path: string,
  namespace: string,
  messages: Readonly<Record<string, Schema>>,
): Map<string, CompiledEvent> {
  const compiled = new Map<string, CompiledEvent>()
  if (!isPlain(messages)) {
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
  schema: Schema,
): CompiledEvent {
  const critical = makeRule(namespace, event, { class: 'critical' })
  const rules: Rule[] = [critical]
  const annotated: AnnotatedSchema[] = []
  const resolve = (at: string, branch: Schema): RuleOf => {
    const annotation = priorities.get(branch)
    if (annotation !== undefined) {
      annotated.push({ path: at, schema: branch })
      const checked = checkAnnotation(at, branch, annotation)
      const rule = checked.class === 'critical' ? critical : makeRule(namespace, event, checked)
      if (rule !== critical) rules.push(rule)
      return () => rule
    }
    if (!isDiscriminatedUnion(branch)) {
      throw refuse(
        'SPILLWAY_UNANNOTATED_SCHEMA',
        at,
        verbatim(withoutAnnotation(branch)),
        'critical(schema), cosmetic(schema), or a discriminated union of such; annotate the final schema, since .optional() and the like return another one',
      )
    }
    return ruleByBranch(at, branch, resolve)
  }
  const ruleOf = resolve(path, schema)
  refuseCallback(path, schema)
  const argumentsOf = { payloadOf: payloadOf(schema), arity: arityOf(schema) }
  return { schema, annotated, critical, rules, ruleOf, ...argumentsOf }
}

// The checks below read the type in a schema's definition. `instanceof` would fail for schemas of
// zod/mini and of another copy of zod.

function isTuple(schema: Schema): schema is z.core.$ZodTuple {
  return schema._zod.def.type === 'tuple'
}

function isObject(schema: Schema): schema is z.core.$ZodObject {
  return schema._zod.def.type === 'object'
}

/**
 * How to take the validated part from the arguments: a tuple describes all of them, any other schema
 * the first. Arguments beyond a tuple's length are ignored: Socket.IO appends the recovery offset.
 */
function payloadOf(schema: Schema): CompiledEvent['payloadOf'] {
  if (!isTuple(schema)) return (args) => args[0]
  const { items, rest } = schema._zod.def
  return rest ? (args) => args : (args) => args.slice(0, items.length)
}

function arityOf(schema: Schema): number {
  if (!isTuple(schema)) return 1
  const { items, rest } = schema._zod.def
  return rest ? Number.POSITIVE_INFINITY : items.length
}

/** Validates an annotation, which `schema.register()` may have stored without a check. */
function checkAnnotation(path: string, schema: Schema, annotation: Priority): Priority {
  const parsed = safeParse(priority, annotation)
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

/** The keys that a payload can have; undefined if the schema leaves them open. */
function keysOf(schema: Schema): string[] | undefined {
  if (!isObject(schema)) return undefined
  const { catchall, shape } = schema._zod.def
  const isOpen = catchall !== undefined && catchall._zod.def.type !== 'never'
  return isOpen ? undefined : Object.keys(shape)
}

/** Describes a schema without an annotation, and whether it wraps one that has an annotation. */
function withoutAnnotation(schema: Schema): string {
  const said = `a schema of type ${schema._zod.def.type} without an annotation`
  for (let inner = innerOf(schema); inner; inner = innerOf(inner)) {
    if (priorities.get(inner)) return `${said} around one that is annotated`
  }
  return said
}

function innerOf(schema: Schema): Schema | undefined {
  const { innerType, in: input } = schema._zod.def as { innerType?: unknown; in?: unknown }
  const inner = innerType ?? input
  return isSchema(inner) ? inner : undefined
}
