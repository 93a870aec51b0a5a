import { z } from 'zod'
import { withOwnKeys } from '../../schemas/own-keys.ts'

/** A JSON schema, as Fastify and @fastify/swagger accept it. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/**
 * Converts a zod schema to a JSON schema of draft 7, which Fastify uses.
 *
 * @param io `input` for the parts of a request, `output` for an answer
 */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema, ...json } = z.toJSONSchema(withOwnKeys(schema), {
    io,
    target: 'draft-7',
    unrepresentable: 'any',
    override: ({ zodSchema: { _zod }, jsonSchema }) => {
      // zod omits the default of schemas that transform, such as a query's text into a number
      if (_zod.def.type === 'default') jsonSchema.default ??= _zod.def.defaultValue as never
      // Swagger 2.0 and OpenAPI 3.0 allow custom keywords only with the prefix x-
      for (const name of OUR_KEYWORDS) {
        if (!(name in jsonSchema)) continue
        jsonSchema[`x-${name}`] = jsonSchema[name]
        delete jsonSchema[name]
      }
    },
  })
  return json
}

/** Custom keywords of the zod schemas, set by `meta`: see `Facts` in schemas/refusal.ts. */
const OUR_KEYWORDS = ['unit', 'allowed'] as const

/** The keyword for a nullable value, in dialects without the type `null`. */
export type NullableKeyword = 'x-nullable' | 'nullable'

/**
 * Translates a JSON schema into the dialects of Swagger 2.0 and OpenAPI 3.0, where @fastify/swagger
 * doesn't. Neither has the type `null` or `propertyNames`; Swagger has no unions, so they are left out.
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
