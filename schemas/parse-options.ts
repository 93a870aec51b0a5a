import type { z } from 'zod'
import { safeParse } from './own-keys.ts'
import { refusalOf } from './refusal.ts'

/**
 * Parses options, and refuses the first bad one by its path.
 *
 * @returns a frozen copy with defaults; of what is only looked at, itself
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function parseOptions<S extends z.ZodType>(schema: S, given: unknown, at = ''): z.output<S> {
  const parsed = safeParse(schema, given)
  if (parsed.success) {
    return parsed.data === given ? parsed.data : (Object.freeze(parsed.data) as z.output<S>)
  }
  throw refusalOf('SPILLWAY_INVALID_OPTION', at, schema, given, parsed.error)
}
