import type { Schema } from '../../schemas/priority.ts'
import { partsOf, propertiesOf } from './schema-parts.ts'

const known = new WeakMap<Schema, ReadonlySet<string>>()

/**
 * The property names that a schema states, at any depth. What else stands in the path of an issue
 * comes from the payload: the keys of a record.
 */
export function schemaKeys(schema: Schema): ReadonlySet<string> {
  const found = known.get(schema)
  if (found) return found
  const names = new Set(propertiesOf(schema))
  for (const part of partsOf(schema)) for (const name of propertiesOf(part.schema)) names.add(name)
  known.set(schema, names)
  return names
}
