import type { FastifyInstance } from 'fastify'
import { z } from 'zod'
import { failure } from '../../schemas/stats.ts'
import type { Hooks } from './options.ts'

const byHook = z.any().describe('The answer of an auth hook, in a shape of its own.')

/**
 * Adds to the description of each route what is answered before its handler is asked.
 *
 * @param others by status
 */
export function describeRefusals(app: FastifyInstance, hooks: Hooks, others: object = {}): void {
  const refusals = {
    ...(hooks.length > 0 && { 401: byHook, 403: byHook }),
    ...(app.hasDecorator('rateLimit') && {
      429: failure.describe('Too many requests of one address; `retry-after` tells when to come.'),
    }),
    ...others,
  }
  app.addHook('onRoute', ({ schema }) => {
    if (schema) schema.response = { ...refusals, ...(schema.response as object) }
  })
}
