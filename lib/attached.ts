import { refuse, verbatim } from './base/errors.ts'

/** Marks a server that has a Spillway, whichever copy of this package has attached it. */
const kAttached = Symbol.for('fastify-spillway.attached')

/** Marks a server as one that has a Spillway. */
export function markAttached(io: object, spillway: object): void {
  Object.defineProperty(mainOf(io), kAttached, { value: spillway, configurable: true })
}

export function unmarkAttached(io: object): void {
  Reflect.deleteProperty(mainOf(io), kAttached)
}

/** What a server has in common with whatever stands for it, such as an object that inherits from it. */
function mainOf(io: { readonly sockets?: object }): object {
  return io.sockets ?? io
}

/** Whether a server has a Spillway. */
export function isAttached(io: unknown): boolean {
  return typeof io === 'object' && io !== null && Object.hasOwn(mainOf(io), kAttached)
}

/**
 * Refuses a method that would change something when the Spillway has let go of its server.
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
