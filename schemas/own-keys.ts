import type { z } from 'zod'

/**
 * Parses like `schema.safeParse`, but accepts plain objects only, and only their own keys, at every
 * depth that the schema describes as an object. zod also reads inherited keys, so every object would
 * have unknown keys in a process that has extended `Object.prototype`. The result has no prototype:
 * reading a key that was left out must not find an inherited one.
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
 * Whether a value is an object literal, also of another realm, or an object without a prototype.
 * Instances of classes, Maps and objects that inherit from others are not: their content is more than
 * their own keys.
 */
export function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  if (!isRecord(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

/** Replaces an object that is not plain, whose own keys zod would take for all of its content. */
const NOT_PLAIN = Symbol('not plain')

/** Copies plain objects and arrays at any depth into objects without a prototype. */
export function withoutPrototype<T>(value: T): T {
  if (Array.isArray(value)) return value.map((each) => withoutPrototype(each)) as T
  if (!isRecord(value)) return value
  const copy: Record<string, unknown> = Object.create(null)
  for (const key of Object.keys(value)) copy[key] = withoutPrototype(value[key])
  return copy as T
}

/**
 * Keeps zod from finding inherited keys in the shapes of a schema, at any depth. For schemas of this
 * library only, none of which contains itself.
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
    // zod computes it again for a derived schema
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

/** Values of keys that the shape does not have stay as they are. */
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

/** Whether a value is an object to zod: neither a function nor an array. */
function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
