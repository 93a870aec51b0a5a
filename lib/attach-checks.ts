import type { Server } from 'socket.io'
import type { Spillway } from './attach.ts'
import { refuse, verbatim } from './base/errors.ts'
import type { CompiledMessages } from './classify/message-map.ts'
import { Tap, type TappedServer } from './intercept/tap.ts'
import { checkOwnUpgradePath } from './socketio/upgrade-path.ts'

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

/** @throws SpillwayError if the server is none of socket.io, or can't have a Spillway */
export function checkServer(io: Server): TappedServer {
  if (typeof io === 'object' && io !== null && Object.hasOwn(mainOf(io), kAttached)) {
    throw refuse(
      'SPILLWAY_ALREADY_ATTACHED',
      'io',
      'a server that has a Spillway',
      'one Spillway a server; close() the other first',
    )
  }
  const tapped = Tap.check(io)
  checkOwnUpgradePath('io', tapped)
  return tapped
}

/**
 * What tells of a gap must not fall into one.
 *
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function checkGapEvent(name: string, messages: CompiledMessages): void {
  for (const { event, class: class_, namespace } of messages.rules()) {
    if (event !== name || class_ === 'critical') continue
    throw refuse(
      'SPILLWAY_INVALID_OPTION',
      'gapEvent',
      verbatim(`${JSON.stringify(name)}, which is cosmetic in ${namespace}`),
      'an event that is critical or has no annotation',
    )
  }
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

/** Whether a value is the handle of a Spillway, of whichever copy of this package. */
export function isSpillway(value: unknown): value is Spillway {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['stats', 'setPolicy', 'rules', 'whenClosed'].every(
      (name) => typeof Reflect.get(value, name) === 'function',
    )
  )
}
