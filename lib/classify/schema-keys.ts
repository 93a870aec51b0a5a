import type { Schema } from '../../schemas/priority.ts'
import { partsOf, propertiesOf } from './schema-parts.ts'

const known = new WeakMap<Schema, ReadonlySet<string>>()

/**
 * The property names that a schema states, at any depth. Any other name in the path of an issue, such
 * as the key of a record, comes from the payload and must not be logged.
 */
export function schemaKeys(schema: Schema): ReadonlySet<string> {
  const found = known.get(schema)
  if (found) return found
  const names = new Set(propertiesOf(schema))
  for (const part of partsOf(schema)) for (const name of propertiesOf(part.schema)) names.add(name)
  known.set(schema, names)
  return names
}
