import { z } from 'zod'
import { type ErrorCode, refuse, SHOWN_CHARACTERS, type SpillwayError } from '../lib/base/errors.ts'
import { withOwnKeys, withoutPrototype } from './own-keys.ts'

/** A schema's statements on the values that it accepts: its JSON schema with its `meta`. */
export interface Facts {
  readonly type?: string
  readonly description?: string
  readonly default?: unknown
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly minimum?: number
  readonly maximum?: number
  readonly minLength?: number
  readonly maxLength?: number
  /** From `meta`: the unit of a number. */
  readonly unit?: 'bytes' | 'milliseconds'
  /** From `meta`: the allowed values in words, where the JSON schema can't express them. */
  readonly allowed?: string
  readonly properties?: Readonly<Record<string, Facts>>
  readonly items?: Facts
  readonly required?: readonly string[]
  readonly anyOf?: readonly Facts[]
  readonly oneOf?: readonly Facts[]
}

export function factsOf(schema: z.ZodType, io: 'input' | 'output' = 'input'): Facts {
  const json = z.toJSONSchema(withOwnKeys(schema), { io, unrepresentable: 'any' })
  return withoutPrototype(json) as Facts
}

/** The allowed values in words, for the end of an error message. */
export function allowedBy(facts: Facts): string {
  const { allowed, properties, minimum, maximum, maxLength, unit } = facts
  if (allowed !== undefined) return allowed
  if (facts.const !== undefined) return JSON.stringify(facts.const)
  if (facts.enum) return oneOf(facts.enum.map((value) => JSON.stringify(value)))
  const branches = branchesOf(facts)
  if (branches.length > 1) return oneOf([...new Set(branches.map(allowedBy))])
  if (properties) return `a plain object with any of the keys ${Object.keys(properties).join(', ')}`
  if (maxLength !== undefined)
    return `a string of ${facts.minLength ?? 0} to ${maxLength} characters`
  const { type = 'value' } = facts
  const kind = `${/^[aeiou]/.test(type) ? 'an' : 'a'} ${type}`
  const range =
    minimum !== undefined && maximum !== undefined
      ? ` from ${minimum} to ${maximum}`
      : minimum !== undefined
        ? ` of at least ${minimum}`
        : ''
  return `${kind}${range}${unit ? ` (${unit})` : ''}`
}

/**
 * Makes the error for a value that failed its schema, from the first issue.
 *
 * @param at path of the value, such as the name of an argument
 */
export function refusalOf(
  code: ErrorCode,
  at: string,
  schema: z.ZodType,
  given: unknown,
  error: z.core.$ZodError,
): SpillwayError {
  const issue = innermost(error.issues[0]!)
  const unknown = issue.code === 'unrecognized_keys' ? issue.keys.slice(0, 1) : []
  const path = [...issue.path, ...unknown].map(String)
  const holders = issue.path.reduce<readonly Facts[]>(
    (inner, key) =>
      inner
        .flatMap(branchesOf)
        .flatMap(({ properties, items }) =>
          typeof key === 'number' ? (items ?? []) : (properties?.[String(key)] ?? []),
        ),
    [factsOf(schema)],
  )
  const known = holders.flatMap(({ properties = {} }) => Object.keys(properties))
  const allowed = unknown.length
    ? known.length > 0
      ? `the keys ${known.join(', ')}`
      : 'no key'
    : oneOf([...new Set(holders.map(allowedBy))])
  const isIndex = (index: number) => typeof issue.path[index] === 'number'
  const name =
    path.reduce(
      (before, key, index) =>
        isIndex(index) ? `${before}[${key}]` : `${before}${before && '.'}${shorten(key)}`,
      at,
    ) || 'options'
  return refuse(code, name, valueAt(given, path), allowed || issue.message)
}

/** The issue of an array's element, where a union reports the whole array. */
function innermost(issue: z.core.$ZodIssue): z.core.$ZodIssue {
  if (issue.code !== 'invalid_union') return issue
  const inside = issue.errors.flatMap(([first]) =>
    typeof first?.path[0] === 'number' ? first : [],
  )
  const [only] = inside
  return only && inside.length === 1 ? { ...only, path: [...issue.path, ...only.path] } : issue
}

function shorten(key: string): string {
  return key.length > SHOWN_CHARACTERS ? `${key.slice(0, SHOWN_CHARACTERS)}…` : key
}

function branchesOf(facts: Facts): readonly Facts[] {
  return (facts.anyOf ?? facts.oneOf)?.flatMap(branchesOf) ?? [facts]
}

function oneOf(words: readonly string[]): string {
  return words.length < 2 ? words.join() : `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`
}

function valueAt(given: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (inner, key) =>
      typeof inner === 'object' && inner !== null ? Reflect.get(inner, key) : undefined,
    given,
  )
}
