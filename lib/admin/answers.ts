import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { refuse, type SpillwayError } from '../errors.ts'

/** Of @fastify/swagger: makes JSON schemas of a route's zod schemas, whatever else the app does. */
export const ROUTE_CONFIG: object = { swaggerTransform: jsonSchemaTransform }

export const clientParams = z.object({ id: z.string().max(100) })

export const NO_CLIENT = { error: 'Not Found', message: 'no such client is connected' }

/** Of routes that ask for nothing more. */
export const noQuery = z.strictObject({})

/** @param from of which page's `next` it may be */
export function badCursor(given: string | undefined, from: string): SpillwayError {
  const allowed = `the \`next\` of ${from}, or none for the first page`
  return refuse('SPILLWAY_INVALID_OPTION', 'query.cursor', given, allowed)
}
