import type { z } from 'zod'
import { safeParse } from '../../schemas/own-keys.ts'
import { refusalOf } from '../../schemas/refusal.ts'
import { describe, verbatim } from '../base/errors.ts'

/**
 * The validator of one part of a request. Its errors have the form of those for invalid options.
 *
 * @param part Fastify's name of the part: `querystring`, `params` or `body`
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

/** The query with all values of repeated keys, for the error message. */
function withRepeated(query: object): object {
  const entries = Object.entries(query).map(([key, value]) => {
    if (!Array.isArray(value)) return [key, value]
    const [first, second, ...rest] = value.map(describe)
    const more = rest.length > 0 ? ` and ${rest.length} more` : ''
    return [key, verbatim(`${first} and ${second}${more}`)]
  })
  return Object.fromEntries(entries)
}
