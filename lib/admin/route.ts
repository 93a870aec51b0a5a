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

/** One route, by the zod schemas of what it is asked and what it answers. */
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
  /** With status 200. */
  readonly answer?: Answer
  /** Of that answer, where it is text and not JSON. */
  readonly mediaType?: string
  /** With other statuses. */
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
 * Adds a route. What the application sees of it is as Fastify itself has it, JSON schemas; zod
 * validates, whatever validator the application has.
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
    // its type knows of no description unless @fastify/swagger is there
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
 * Serializes without a schema: to check a thousand clients against one would hold the loop for tens
 * of milliseconds, and a refusal may be an auth hook's, in a shape of its own. Fastify hands an
 * error of a status that has a schema over as it is, with nothing enumerable.
 */
export function stringify(value: unknown): string {
  if (!(value instanceof Error)) return JSON.stringify(value)
  const { statusCode, code, error, message } = value as Error & Partial<Record<string, unknown>>
  return JSON.stringify({ statusCode, code, error, message })
}

interface Documented {
  readonly schema: JsonSchema
  readonly url: string
  /** In a document of Swagger 2.0 there is none. */
  readonly openapiObject?: { readonly openapi: string }
}

/**
 * For @fastify/swagger, in place of what the application has for its own routes, which may expect
 * zod schemas.
 */
function swaggerTransform({ schema, url, openapiObject }: Documented) {
  if (!openapiObject) return { url, schema: inSwagger2(schema) }
  const isOld = openapiObject.openapi.startsWith('3.0')
  return { url, schema: isOld ? translated(schema, 'nullable') : schema }
}

/** There media types are those of the whole route. */
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
