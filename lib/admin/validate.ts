import type { z } from 'zod'
import { safeParse } from '../../schemas/own-keys.ts'
import { refusalOf } from '../../schemas/refusal.ts'
import { describe, verbatim } from '../base/errors.ts'

/**
 * The validator of one part of a request, which refuses in the words in which options are refused.
 *
 * @param part as Fastify calls it
 */
export function validate(part: string, schema: z.ZodType) {
  const at = part === 'querystring' ? 'query' : part
  return (given: unknown): { value: unknown } | { error: Error } => {
    const parsed = safeParse(schema, given)
    if (parsed.success) return { value: parsed.data }
    const shown = at === 'query' ? withRepeated(given as object) : given
    return { error: refusalOf('SPILLWAY_INVALID_OPTION', at, schema, shown, parsed.error) }
  }
}

/** Of a key that is given several times, all values as they were given. */
function withRepeated(query: object): object {
  const entries = Object.entries(query).map(([key, value]) => {
    if (!Array.isArray(value)) return [key, value]
    const [first, second, ...rest] = value.map(describe)
    const more = rest.length > 0 ? ` and ${rest.length} more` : ''
    return [key, verbatim(`${first} and ${second}${more}`)]
  })
  return Object.fromEntries(entries)
}
