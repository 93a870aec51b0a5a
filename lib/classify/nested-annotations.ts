import { isSchema, priorities, type Schema } from '../../schemas/priority.ts'
import { refuse, verbatim } from '../base/errors.ts'
import type { AnnotatedSchema } from './compile-schema.ts'
import { partsOf } from './schema-parts.ts'

/**
 * Refuses annotations inside an annotated schema, where they would have no effect. A nested schema may
 * have an annotation if it is also the schema of an event of its own.
 *
 * @param annotated the schemas of all events, and the branches of their unions
 * @throws SpillwayError SPILLWAY_INVALID_ANNOTATION
 */
export function checkNesting(annotated: readonly AnnotatedSchema[]): void {
  const used = new Set<Schema>()
  for (const { schema } of annotated) for (const each of originsOf(schema)) used.add(each)
  for (const { path, schema } of annotated) {
    const { class: outer, ack } = priorities.get(schema) ?? {}
    if (isSchema(ack)) checkAck(`${path}.ack`, ack, used)
    for (const part of partsOf(schema)) {
      const inner = priorities.get(part.schema)?.class
      if (inner === undefined || (!part.isWhole && used.has(part.schema))) continue
      throw refuse(
        'SPILLWAY_INVALID_ANNOTATION',
        `${path}${part.path}`,
        verbatim(`an annotation as ${inner} inside a schema that is annotated as ${outer}`),
        "an annotation of an event's schema, or of each branch of a discriminated union that has none itself",
      )
    }
  }
}

function checkAck(path: string, ack: Schema, used: ReadonlySet<Schema>): void {
  for (const part of [{ schema: ack, path: '' }, ...partsOf(ack)]) {
    if (!priorities.has(part.schema) || used.has(part.schema)) continue
    throw refuse(
      'SPILLWAY_INVALID_ANNOTATION',
      `${path}${part.path}`,
      verbatim('an annotated schema'),
      'a schema without an annotation: what a client answers is not classified',
    )
  }
}

/** A schema and its ancestors: zod's registry lets derived schemas inherit an annotation. */
function* originsOf(schema: Schema): Generator<Schema> {
  for (let each: Schema | undefined = schema; each; each = each._zod.parent) yield each
}
