import type { z } from 'zod'
import type { Schema } from '../../schemas/priority.ts'
import type { Rule } from '../message/rule.ts'

/** Finds the rule of a payload; undefined if no branch of the event's union is for it. */
export type RuleOf = (payload: unknown) => Rule | undefined

// The type is read in the schema's definition. `instanceof` would fail for schemas of zod/mini and of
// another copy of zod.

export function isDiscriminatedUnion(schema: Schema): schema is z.core.$ZodDiscriminatedUnion {
  return schema._zod.def.type === 'union' && 'discriminator' in schema._zod.def
}

/** Looks up the rule of a union's branch by the value of the payload's discriminator. */
export function ruleByBranch(
  path: string,
  union: z.core.$ZodDiscriminatedUnion,
  resolve: (at: string, branch: Schema) => RuleOf,
): RuleOf {
  const { discriminator, options } = union._zod.def
  const branches = new Map<unknown, RuleOf>()
  for (const option of options) {
    const branch = resolve(`${path}${branchOf(option, discriminator)}`, option)
    for (const value of discriminatorsOf(option, discriminator)) branches.set(value, branch)
  }
  // an adapter's encoding may turn undefined into null
  const absent = branches.get(undefined)
  if (absent && !branches.has(null)) branches.set(null, absent)
  return (payload) => {
    if (typeof payload !== 'object' || payload === null) return undefined
    return branches.get(Reflect.get(payload, discriminator))?.(payload)
  }
}

/** Path of a discriminated union's branch, such as `.kind=seat|leave`. */
export function branchOf(option: Schema, discriminator: string): string {
  return `.${discriminator}=${[...discriminatorsOf(option, discriminator)].map(String).join('|')}`
}

/** The discriminator's values that select a branch. */
export function discriminatorsOf(option: Schema, discriminator: string): Iterable<unknown> {
  try {
    return option._zod.propValues?.[discriminator] ?? []
  } catch {
    // zod also reads inherited properties, and fails on an extended `Object.prototype`
    return new Set(valuesOf(option, discriminator))
  }
}

function valuesOf({ _zod }: Schema, discriminator: string): Iterable<unknown> {
  const { def } = _zod as z.core.$ZodTypes['_zod']
  if (def.type === 'union') return def.options.flatMap((each) => [...valuesOf(each, discriminator)])
  if (def.type !== 'object' || !Object.hasOwn(def.shape, discriminator)) return []
  const { values = [], optin } = def.shape[discriminator]!._zod
  return optin === undefined ? values : [...values, undefined]
}
