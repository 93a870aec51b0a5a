import { jsonSchemaTransform } from 'fastify-type-provider-zod'
import { z } from 'zod'

/** Of @fastify/swagger: makes JSON schemas of a route's zod schemas, whatever else the app does. */
export const ROUTE_CONFIG: object = { swaggerTransform: jsonSchemaTransform }

export const clientParams = z.object({ id: z.string().max(100) })

export const NO_CLIENT = { error: 'Not Found', message: 'no such client is connected' }

/** Of routes that ask for nothing more. */
export const noQuery = z.strictObject({})
