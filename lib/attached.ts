import { refuse, verbatim } from './base/errors.ts'

/** Property of a server that has a Spillway; a global symbol, so that all copies of this package see it. */
const kAttached = Symbol.for('fastify-spillway.attached')

/** Marks a server as one that has a Spillway. */
export function markAttached(io: object, spillway: object): void {
  Object.defineProperty(mainOf(io), kAttached, { value: spillway, configurable: true })
}

export function unmarkAttached(io: object): void {
  Reflect.deleteProperty(mainOf(io), kAttached)
}

/** The main namespace: a server shares it with objects that inherit from the server. */
function mainOf(io: { readonly sockets?: object }): object {
  return io.sockets ?? io
}

/** Whether a server has a Spillway. */
export function isAttached(io: unknown): boolean {
  return typeof io === 'object' && io !== null && Object.hasOwn(mainOf(io), kAttached)
}

/**
 * Refuses a call that would change something after `close`.
 *
 * @throws SpillwayError SPILLWAY_CLOSED
 */
export function refuseClosed(method: string): never {
  throw refuse(
    'SPILLWAY_CLOSED',
    method,
    verbatim('a call after close()'),
    'calls before it; attach() puts the server under another Spillway',
  )
}
