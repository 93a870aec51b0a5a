import type { EventEmitter } from 'node:events'

/** What an object has of its own: its properties in order with their attributes, and listeners. */
export interface Trace {
  /** The names of what it inherits from directly. */
  readonly prototype: string
  readonly properties: Readonly<Record<string, string>>
  readonly listeners: Readonly<Record<string, readonly string[]>>
}

/**
 * The own properties of an object, down to their attributes, and who listens to it. Functions are
 * told by their source, so that those of two servers that did the same can be compared; other values
 * change by themselves and are left out.
 */
export function traceOf(target: object): Trace {
  const properties: Record<string, string> = {}
  for (const key of Reflect.ownKeys(target)) {
    properties[String(key)] = describe(Reflect.getOwnPropertyDescriptor(target, key)!)
  }
  const listeners: Record<string, readonly string[]> = {}
  // not of prototypes
  if (Object.hasOwn(target, '_events')) {
    const emitter = target as EventEmitter
    for (const name of emitter.eventNames()) {
      listeners[String(name)] = emitter.rawListeners(name).map((each) => sourceOf(each))
    }
  }
  const prototype = Reflect.ownKeys(Object.getPrototypeOf(target) ?? {})
  return { prototype: prototype.map(String).join(' '), properties, listeners }
}

function describe({ value, get, set, ...attributes }: PropertyDescriptor): string {
  const is = Object.entries(attributes).flatMap(([name, holds]) => (holds ? [name] : []))
  const functions = [value, get, set].map((each) =>
    typeof each === 'function' ? sourceOf(each) : '',
  )
  return [...is, ...functions].join(' ').trim()
}

function sourceOf(each: unknown): string {
  const { listener = each } = each as { listener?: unknown }
  return `${(listener as { name: string }).name} ${String(listener)}`
}

/** What differs between two traces, property by property; all of `process` is too long to be shown. */
export function differencesOf(before: Trace, after: Trace): string[] {
  return (['properties', 'listeners'] as const).flatMap((part) => {
    const [from, to] = [before[part], after[part]]
    return [...new Set([...Object.keys(from), ...Object.keys(to)])]
      .filter((key) => JSON.stringify(from[key]) !== JSON.stringify(to[key]))
      .map((key) => `${part}.${key}: ${JSON.stringify(from[key])} -> ${JSON.stringify(to[key])}`)
  })
}
