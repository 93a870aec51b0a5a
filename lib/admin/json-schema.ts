import { z } from 'zod'
import { withOwnKeys } from '../../schemas/own-keys.ts'

/** A JSON schema, as Fastify and @fastify/swagger take it. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/**
 * The JSON schema (draft 7, which is Fastify's) of a zod schema.
 *
 * @param io of what a request brings: `input`; of what it is answered: `output`
 */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema, ...json } = z.toJSONSchema(withOwnKeys(schema), {
    io,
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ zodSchema: { _zod }, jsonSchema }) => {
      // zod leaves it out of what is transformed; the text of a query is, into numbers
      if (_zod.def.type === 'default') jsonSchema.default ??= _zod.def.defaultValue as never
      // Swagger 2.0 and OpenAPI 3.0 allow no keywords of our own unless they begin with x-
      for (const name of OUR_KEYWORDS) {
        if (!(name in jsonSchema)) continue
        jsonSchema[`x-${name}`] = jsonSchema[name]
        delete jsonSchema[name]
      }
    },
  })
  return json
}

/** From `meta`, see `Facts` in schemas/refusal.ts. */
const OUR_KEYWORDS = ['unit', 'allowed'] as const

/** How a dialect without the type `null` marks what may be null. */
export type NullableKeyword = 'x-nullable' | 'nullable'

/**
 * The same in the dialects of Swagger 2.0 and OpenAPI 3.0, as far as @fastify/swagger does not
 * translate: they have no type `null`, no `propertyNames`, and Swagger has no unions, so that of
 * those it says nothing.
 */
export function withoutNullType(schema: JsonSchema, nullable: NullableKeyword): JsonSchema {
  const inner = (value: unknown) => (isObject(value) ? withoutNullType(value, nullable) : value)
  const { anyOf, oneOf, type, propertyNames, ...plain } = schema
  const branches = (anyOf ?? oneOf) as readonly JsonSchema[] | undefined
  const types = Array.isArray(type) ? type : [type]
  const isNullable = types.length > 1 ? types.includes('null') : branches?.some(isNull)
  const others = types.filter((each) => types.length === 1 || each !== 'null')
  return {
    ...unionOf(branches?.filter((branch) => !isNull(branch)).map(inner), nullable),
    ...(others.length === 1 && others[0] !== undefined && { type: others[0] }),
    ...Object.fromEntries(
      Object.entries(plain).map(([keyword, value]) => [
        keyword,
        keyword === 'properties' ? mapValues(value as JsonSchema, inner) : inner(value),
      ]),
    ),
    ...(isNullable && { [nullable]: true }),
  }
}

function unionOf(branches: readonly unknown[] = [], nullable: NullableKeyword): object {
  if (branches.length === 1) return branches[0] as JsonSchema
  return branches.length > 1 && nullable === 'nullable' ? { anyOf: branches } : {}
}

function isNull({ type }: JsonSchema): boolean {
  return type === 'null'
}

export function mapValues<A, B>(
  of: Readonly<Record<string, A>>,
  map: (value: A) => B,
): Record<string, B> {
  return Object.fromEntries(Object.entries(of).map(([key, value]) => [key, map(value)]))
}

function isObject(value: unknown): value is JsonSchema {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
