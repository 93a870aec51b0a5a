import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import { z } from 'zod'

/** Of @fastify/swagger: makes JSON schemas of a route's zod schemas, whatever else the app does. */
export const ROUTE_CONFIG: object = { swaggerTransform: jsonSchemaTransform }

export const clientParams = z.object({ id: z.string().max(100) })

export const NO_CLIENT = { error: 'Not Found', message: 'no such client is connected' }

export const BAD_CURSOR = {
  error: 'Bad Request',
  message: 'cursor: not one of this order of clients; leave it out for the first page',
}
