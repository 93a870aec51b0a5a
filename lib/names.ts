import type { z } from 'zod'
import { isSchema } from '../schemas/priority.ts'

const known = new WeakMap<z.ZodType, ReadonlySet<string>>()

/**
 * The property names that a schema states, at any depth. What else stands in the path of an issue
 * comes from the payload: the keys of a record.
 */
export function namesIn(schema: z.ZodType): ReadonlySet<string> {
  const found = known.get(schema)
  if (found) return found
  const names = new Set<string>()
  collect(schema, names, new Set())
  known.set(schema, names)
  return names
}

function collect(schema: z.ZodType, names: Set<string>, seen: Set<z.ZodType>): void {
  if (seen.has(schema)) return
  seen.add(schema)
  const { def } = schema._zod
  for (const [key, value] of Object.entries(def)) {
    if (key === 'shape') for (const name of Object.keys(value)) names.add(name)
    for (const inner of partsOf(value, key)) if (isSchema(inner)) collect(inner, names, seen)
  }
}

function partsOf(value: unknown, key: string): readonly unknown[] {
  if (Array.isArray(value)) return value
  if (key === 'shape') return Object.values(value as object)
  if (key === 'getter') return [(value as () => unknown)()] // of z.lazy()
  return [value]
}
