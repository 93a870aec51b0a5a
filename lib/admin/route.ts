import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { z } from 'zod'
import {
  type JsonSchema,
  jsonSchemaOf,
  mapValues,
  type NullableKeyword,
  withoutNullType,
} from './json-schema.ts'
import type { Answers } from './route-parts.ts'
import { validate } from './validate.ts'

/** A route, described by the zod schemas of its request and its answers. */
interface Route<
  Query extends z.ZodType,
  Params extends z.ZodType,
  Body extends z.ZodType,
  Answer extends z.ZodType,
> {
  readonly method: 'GET' | 'PATCH' | 'DELETE'
  readonly path: string
  readonly description: string
  readonly querystring?: Query
  readonly params?: Params
  readonly body?: Body
  /** Schema of the answer with status 200. */
  readonly answer?: Answer
  /** Media type of that answer, if it is text rather than JSON. */
  readonly mediaType?: string
  /** Schemas of the answers with other statuses. */
  readonly otherwise: Answers
  handler(
    request: FastifyRequest<{
      Querystring: z.output<Query>
      Params: z.output<Params>
      Body: z.output<Body>
    }>,
    reply: FastifyReply,
  ): Promise<z.input<Answer> | FastifyReply>
}

/**
 * Adds a route. zod validates its requests, whatever validator the application uses. Hooks and plugins
 * of the application see JSON schemas, Fastify's own form.
 */
export function addRoute<
  Query extends z.ZodType,
  Params extends z.ZodType,
  Body extends z.ZodType,
  Answer extends z.ZodType,
>(app: FastifyInstance, route: Route<Query, Params, Body, Answer>): void {
  const { method, path: url, description, answer, otherwise, mediaType } = route
  const parts = Object.fromEntries(
    PARTS.flatMap((part) => (route[part] ? [[part, route[part]]] : [])),
  ) as Partial<Record<Part, z.ZodType>>
  app.route<{
    Querystring: z.output<Query>
    Params: z.output<Params>
    Body: z.output<Body>
  }>({
    method,
    url,
    // `description` is in Fastify's type only if @fastify/swagger is loaded
    schema: {
      description,
      ...mapValues(parts, (schema) => jsonSchemaOf(schema, 'input')),
      response: mapValues({ ...otherwise, ...(answer && { 200: answer }) }, (schema) => {
        const json = jsonSchemaOf(schema, 'output')
        return schema === answer && mediaType ? textOf(json, mediaType) : json
      }),
    } as object,
    config: { swaggerTransform } as object,
    validatorCompiler: ({ httpPart }) => validate(httpPart as Part, parts[httpPart as Part]!),
    serializerCompiler: () => stringify,
    handler: (request, reply) => route.handler(request as never, reply),
  })
}

const PARTS = ['querystring', 'params', 'body'] as const
type Part = (typeof PARTS)[number]

function textOf({ description }: JsonSchema, mediaType: string): JsonSchema {
  return { description, content: { [mediaType]: { schema: { type: 'string' } } } }
}

/**
 * Serializes an answer without checking its schema. The check would block the event loop for tens of
 * milliseconds per thousand clients, and an auth hook's answer may have any shape. Fastify passes an
 * error object as it is if its status has a schema; its fields aren't enumerable.
 */
export function stringify(value: unknown): string {
  if (!(value instanceof Error)) return JSON.stringify(value)
  const { statusCode, code, error, message } = value as Error & Partial<Record<string, unknown>>
  return JSON.stringify({ statusCode, code, error, message })
}

interface Documented {
  readonly schema: JsonSchema
  readonly url: string
  /** The OpenAPI document; undefined for Swagger 2.0. */
  readonly openapiObject?: { readonly openapi: string }
}

/**
 * Transforms a route for @fastify/swagger. Replaces the application's own transform, which may expect
 * zod schemas.
 */
function swaggerTransform({ schema, url, openapiObject }: Documented) {
  if (!openapiObject) return { url, schema: inSwagger2(schema) }
  const isOld = openapiObject.openapi.startsWith('3.0')
  return { url, schema: isOld ? translated(schema, 'nullable') : schema }
}

/** The schema for Swagger 2.0, where media types belong to the route, not to each answer. */
function inSwagger2(schema: JsonSchema): JsonSchema {
  const answers = schema.response as Readonly<Record<string, JsonSchema>>
  const flat = mapValues(answers, ({ content, ...rest }) =>
    content ? { ...rest, type: 'string' } : rest,
  )
  const media = Object.values(answers).flatMap(({ content }) => Object.keys(content ?? {}))
  const produces = media.length > 0 && { produces: ['application/json', ...media] }
  return translated({ ...schema, ...produces, response: flat }, 'x-nullable')
}

function translated(schema: JsonSchema, nullable: NullableKeyword): JsonSchema {
  const translate = (each: JsonSchema) => withoutNullType(each, nullable)
  const parts = PARTS.flatMap((part) =>
    schema[part] ? [[part, translate(schema[part] as JsonSchema)]] : [],
  )
  const response = mapValues(schema.response as Record<string, JsonSchema>, translate)
  return { ...schema, ...Object.fromEntries(parts), response }
}
