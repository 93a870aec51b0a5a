import type { MessageMap, NamespaceMap } from '../../schemas/events.ts'
import { describe, refuse, verbatim } from '../base/errors.ts'
import type { Rule } from '../message/rule.ts'
import { type CompiledEvent, compileMap } from './compile-schema.ts'
import { checkNesting } from './nested-annotations.ts'

/** Label of namespaces and events that the annotated map doesn't contain. */
export const OTHER = 'other'

/** Bound of the lookup cache: clients choose the names of dynamic namespaces. */
const REMEMBERED_NAMESPACES = 1000

/** The annotated events of all namespaces: the options `messages` and `namespaces`, compiled. */
export class CompiledMessages {
  readonly #exact = new Map<string, Map<string, CompiledEvent>>()
  readonly #patterns: Array<[RegExp, Map<string, CompiledEvent>]> = []
  readonly #remembered = new Map<string, Map<string, CompiledEvent> | undefined>()

  /**
   * @throws SpillwayError if an event is reserved, defined twice or not annotated, or if its annotation
   *   doesn't fit its schema; the message names the path of the entry
   */
  constructor(messages: MessageMap, namespaces: NamespaceMap) {
    this.#exact.set('/', compileMap('messages', '/', messages))
    for (const [key, map] of entriesOf(namespaces)) {
      if (typeof key !== 'string' && !(key instanceof RegExp)) {
        const allowed = 'a Map with names of namespaces or patterns as keys'
        const given = verbatim(`a Map with the key ${describe(key)}`)
        throw refuse('SPILLWAY_INVALID_OPTION', 'namespaces', given, allowed)
      }
      const path = `namespaces[${JSON.stringify(String(key))}]`
      if (key instanceof RegExp) {
        if (key.global || key.sticky) {
          throw refuse('SPILLWAY_INVALID_OPTION', path, key, 'patterns without the flags g and y')
        }
        this.#patterns.push([key, compileMap(path, String(key), map)])
        continue
      }
      const name = key.startsWith('/') ? key : `/${key}`
      const events = this.#exact.get(name) ?? new Map<string, CompiledEvent>()
      for (const [event, compiled] of compileMap(path, name, map)) {
        if (events.has(event)) {
          throw refuse(
            'SPILLWAY_DUPLICATE_EVENT',
            `${path}[${JSON.stringify(event)}]`,
            verbatim(`a second schema for this event of ${name}`),
            'one schema an event and namespace',
          )
        }
        events.set(event, compiled)
      }
      this.#exact.set(name, events)
    }
    checkNesting([...this.#events()].flatMap(({ annotated }) => annotated))
  }

  find(namespace: string, event: unknown): CompiledEvent | undefined {
    if (typeof event !== 'string') return undefined
    return this.#mapOf(namespace)?.get(event)
  }

  *rules(): Generator<Rule> {
    for (const event of this.#events()) yield* event.rules
  }

  *#events(): Generator<CompiledEvent> {
    for (const map of this.#exact.values()) yield* map.values()
    for (const [, map] of this.#patterns) yield* map.values()
  }

  /** The map of exactly this namespace, else of the first pattern that matches its name. */
  #mapOf(namespace: string): Map<string, CompiledEvent> | undefined {
    const exact = this.#exact.get(namespace)
    if (exact || this.#patterns.length === 0) return exact
    if (this.#remembered.has(namespace)) return this.#remembered.get(namespace)
    if (this.#remembered.size >= REMEMBERED_NAMESPACES) this.#remembered.clear()
    const map = this.#patterns.find(([pattern]) => pattern.test(namespace))?.[1]
    this.#remembered.set(namespace, map)
    return map
  }
}

function entriesOf(namespaces: NamespaceMap): Iterable<[string | RegExp, MessageMap]> {
  return namespaces instanceof Map
    ? namespaces.entries()
    : Object.entries(namespaces as Record<string, MessageMap>)
}
