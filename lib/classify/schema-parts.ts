import { isSchema, type Schema } from '../../schemas/priority.ts'
import { branchOf } from './union-branches.ts'

/** A schema nested in another one. */
export interface SchemaPart {
  readonly schema: Schema
  /** Path relative to the outer schema, such as `.seat[0]`. */
  readonly path: string
  /**
   * Whether it describes the same value as the outer schema, as a union's branch and `.optional()`
   * do.
   */
  readonly isWhole: boolean
}

/** Keys of a zod definition whose schemas describe the same value as the schema itself. */
const WHOLE: ReadonlySet<string> = new Set([
  ...['innerType', 'getter', 'options', 'left', 'right', 'in', 'out'],
])
/** Bound of the walk: a getter may return a new schema at every call. */
const MOST_PARTS = 5000

/**
 * The schemas nested in a schema, at any depth, each once. Schemas may be recursive. A getter that
 * throws, because it refers to a schema not yet initialized, is skipped.
 */
export function* partsOf(schema: Schema): Generator<SchemaPart> {
  const seen = new Set<unknown>([schema])
  const found: SchemaPart[] = [{ schema, path: '', isWhole: true }]
  for (const outer of found) {
    for (const part of directPartsOf(outer.schema, seen)) {
      if (seen.has(part.schema)) continue
      if (found.length > MOST_PARTS) return
      seen.add(part.schema)
      const isWhole = outer.isWhole && part.isWhole
      const inner = { schema: part.schema, path: outer.path + part.path, isWhole }
      found.push(inner)
      yield inner
    }
  }
}

/** The names of the properties that a schema states. */
export function propertiesOf({ _zod: { def } }: Schema): readonly string[] {
  const shape = 'shape' in def ? attempt(() => def.shape) : undefined
  return typeof shape === 'object' && shape !== null ? Object.keys(shape) : []
}

function* directPartsOf(schema: Schema, seen: Set<unknown>): Generator<SchemaPart> {
  const def = schema._zod.def as unknown as Readonly<Record<string, unknown>>
  for (const key of Object.keys(def)) {
    const isWhole = WHOLE.has(key)
    for (const [path, inner] of entriesOf(key, def, seen)) {
      if (isSchema(inner)) yield { schema: inner, path, isWhole }
    }
  }
}

/** The values under one key of a zod definition, with their paths. */
function entriesOf(
  key: string,
  def: Readonly<Record<string, unknown>>,
  seen: Set<unknown>,
): ReadonlyArray<readonly [path: string, value: unknown]> {
  const value = attempt(() => def[key])
  if (key === 'getter') {
    if (typeof value !== 'function' || seen.has(value)) return []
    seen.add(value)
    // zod's own `innerType` would cache the getter's result, even one returned too early
    return [['', attempt(() => value())]]
  }
  if (key === 'shape')
    return Object.entries(value ?? {}).map(([name, inner]) => [`.${name}`, inner])
  if (!Array.isArray(value)) return [[key === 'innerType' ? '' : `.${key}`, value]]
  return value.map((inner, index) => [nameOf(inner, index, key, def), inner])
}

function nameOf(
  inner: unknown,
  index: number,
  key: string,
  { discriminator }: Readonly<Record<string, unknown>>,
): string {
  if (key === 'items') return `[${index}]`
  if (typeof discriminator === 'string' && isSchema(inner)) return branchOf(inner, discriminator)
  return `.${key}[${index}]`
}

/** The result, or undefined if the getter throws since it refers to a schema not yet initialized. */
function attempt(get: () => unknown): unknown {
  try {
    return get()
  } catch {
    return undefined
  }
}
