import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { failure } from '../../schemas/stats.ts'
import { isDecorated } from '../fastify/decorations.ts'
import type { Hooks } from './options.ts'

export const clientParams = z.object({ id: z.string().max(100) })

export const NO_CLIENT = { error: 'Not Found', message: 'no such client is connected' }

/** Query schema of routes without query parameters. */
export const noQuery = z.strictObject({})

/** Schemas of a route's answers by status. */
export type Answers = Readonly<Record<number, z.ZodType>>

const byHook = z.any().describe('The answer of an auth hook, in a shape of its own.')

/** Schemas of the answers by auth hooks and the rate limit, which run before a route's handler. */
export function refusalsOf(app: FastifyInstance, hooks: Hooks): Answers {
  return {
    ...(hooks.length > 0 && { 401: byHook, 403: byHook }),
    ...(isDecorated(app, 'rateLimit') && {
      429: failure.describe('Too many requests of one address; `retry-after` tells when to come.'),
    }),
  }
}
