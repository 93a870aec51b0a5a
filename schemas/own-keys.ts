import type { z } from 'zod'

/**
 * As `schema.safeParse`, but that only plain objects are taken, and only their own keys count, at
 * every depth that the schema describes as an object. zod walks over inherited ones, too, so that in a process whose
 * `Object.prototype` somebody has extended every object would have unknown keys. What is parsed has
 * no prototype, since whoever reads a key that was left out would find an inherited one.
 */
export function safeParse<S extends z.ZodType>(
  schema: S,
  given: unknown,
): z.ZodSafeParseResult<z.output<S>> {
  const parsed = withOwnKeys(schema).safeParse(ownKeysOf(schema, given, 'in'))
  if (!parsed.success) return parsed
  return { ...parsed, data: ownKeysOf(schema, parsed.data, 'out') as z.output<S> }
}

/**
 * Whether a value is an object literal, or an object without a prototype; of another realm, too.
 * What an instance of a class, a Map or an object that inherits from another one tells is told by
 * more than own keys.
 */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isRecord(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Stands for an object that is not plain: zod would take its own keys for all that it has. */
const NOT_PLAIN = Symbol('not plain')

/** The same values in objects that inherit nothing, at any depth of objects and arrays. */
export function withoutPrototype<T>(value: T): T {
  if (Array.isArray(value)) return value.map((each) => withoutPrototype(each)) as T
  if (!isRecord(value)) return value
  const copy: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(value)) copy[key] = withoutPrototype(value[key])
  return copy as T
}

/**
 * Has zod find no inherited keys among those of a schema's objects, at any depth, which it walks over
 * in the same way. For schemas of the library's own only; none of them contains itself.
 *
 * @returns the same schema
 */
export function withOwnKeys<S extends z.core.$ZodType>(schema: S): S {
  if (isExtended({})) shield(schema)
  return schema
}

function isExtended(empty: object): boolean {
  for (const _ in empty) return true
  return false
}

function shield(schema: z.core.$ZodType): void {
  const { def } = (schema as z.core.$ZodTypes)._zod
  if (def.type === 'object') {
    // zod makes it anew when another schema is derived
    const shape = Object.assign(Object.create(null), def.shape)
    Reflect.defineProperty(def, 'shape', { value: Object.freeze(shape), configurable: true })
  }
  for (const inner of innerOf(def)) shield(inner)
}

function innerOf(def: z.core.$ZodTypes['_zod']['def']): readonly z.core.$ZodType[] {
  switch (def.type) {
    case 'object':
      return Object.values(def.shape)
    case 'array':
      return [def.element]
    case 'record':
      return [def.valueType]
    case 'union':
      return def.options
    case 'pipe':
      return [def.in, def.out]
    case 'prefault':
    case 'default':
    case 'optional':
    case 'nullable':
    case 'readonly':
      return [def.innerType]
    default:
      return []
  }
}

/** @param side of a pipe, the schema of what goes in or of what comes out */
function ownKeysOf(schema: z.core.$ZodType, value: unknown, side: 'in' | 'out'): unknown {
  const { def } = (schema as z.core.$ZodTypes)._zod
  switch (def.type) {
    case 'object':
      return recordOf(def.shape, value, side)
    case 'record':
      return recordOf({}, value, side)
    case 'prefault': {
      const from = value === undefined && side === 'in' ? def.defaultValue : value
      return ownKeysOf(def.innerType, from, side)
    }
    case 'default':
    case 'optional':
    case 'nullable':
    case 'readonly':
      return ownKeysOf(def.innerType, value, side)
    case 'pipe':
      return ownKeysOf(def[side], value, side)
    case 'union':
      return def.options.reduce<unknown>((each, option) => ownKeysOf(option, each, side), value)
    default:
      return value
  }
}

function recordOf(shape: Shape, value: unknown, side: 'in' | 'out'): unknown {
  if (isPlain(value)) return copyOf(shape, value, side)
  return isRecord(value) ? NOT_PLAIN : value
}

type Shape = Readonly<Record<string, z.core.$ZodType>>

/** Of keys that the shape does not have the values stay as they are. */
function copyOf(shape: Shape, value: Readonly<Record<string, unknown>>, side: 'in' | 'out') {
  const copy: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(value)) copy[key] = value[key]
  for (const key of Object.keys(shape)) {
    const own = Object.hasOwn(value, key) ? value[key] : undefined
    const inner = ownKeysOf(shape[key]!, own, side)
    if (inner !== undefined || Object.hasOwn(copy, key)) copy[key] = inner
  }
  return copy
}

/** Not of functions and arrays, which zod takes for no objects. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
