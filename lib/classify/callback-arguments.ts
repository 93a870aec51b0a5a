import { z } from 'zod'
import { isSchema, type Schema } from '../../schemas/priority.ts'
import { refuse, verbatim } from '../base/errors.ts'

/** Sample values, one of each kind that an emit can carry. */
const SENT: readonly unknown[] = [null, true, 0, '', [], {}, new Uint8Array()]

/**
 * Refuses a schema that describes a function among the arguments of an event. Socket.IO removes the
 * callback of an emit before it sends the arguments, so no payload would ever match the schema.
 *
 * @throws SpillwayError SPILLWAY_INVALID_ANNOTATION
 */
export function refuseCallback(path: string, schema: Schema): void {
  for (const [at, argument] of argumentsOf(schema)) {
    if (!isFunctionOnly(argument)) continue
    throw refuse(
      'SPILLWAY_INVALID_ANNOTATION',
      `${path}${at}`,
      verbatim('a schema of a function, which is never sent'),
      'the arguments without the callback of an emit; critical(schema, { ack }) and cosmetic(schema, { ack }) tell what it is answered',
    )
  }
}

function* argumentsOf(schema: Schema): Generator<[at: string, argument: Schema]> {
  if (schema._zod.def.type !== 'tuple') return yield ['', schema]
  const { items, rest } = (schema as z.core.$ZodTuple)._zod.def
  for (const [index, item] of items.entries()) yield [`[${index}]`, item]
  if (rest) yield ['[…]', rest]
}

function isFunctionOnly(schema: Schema): boolean {
  const { type, innerType } = schema._zod.def as { type: string; innerType?: unknown }
  if (isSchema(innerType)) return isFunctionOnly(innerType)
  if (type === 'function') return true
  // a custom schema doesn't state its type, so sample values tell it
  return type === 'custom' && takes(schema, () => {}) && !SENT.some((value) => takes(schema, value))
}

function takes(schema: Schema, value: unknown): boolean {
  try {
    return z.safeParse(schema, value).success
  } catch {
    return false
  }
}
