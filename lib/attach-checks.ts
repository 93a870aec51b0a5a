import type { Server } from 'socket.io'
import { isAttached } from './attached.ts'
import { refuse, verbatim } from './base/errors.ts'
import type { CompiledMessages } from './classify/compiled-messages.ts'
import { checkSocketIo, type TappedServer } from './socketio/server.ts'
import { checkOwnUpgradePath } from './socketio/upgrade-path.ts'
import type { Spillway } from './spillway.ts'

/**
 * Checks that a Spillway can be attached to a server.
 *
 * @throws SpillwayError if it is no server of socket.io, or can't have a Spillway
 */
export function checkServer(io: Server): TappedServer {
  if (isAttached(io)) {
    throw refuse(
      'SPILLWAY_ALREADY_ATTACHED',
      'io',
      'a server that has a Spillway',
      'one Spillway a server; close() the other first',
    )
  }
  const tapped = checkSocketIo(io)
  checkOwnUpgradePath('io', tapped)
  return tapped
}

/**
 * Checks that the gap event is not cosmetic: the message about a gap must not be shed itself.
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

/** Whether a value is a `Spillway`, made by any copy of this package. */
export function isSpillway(value: unknown): value is Spillway {
  return (
    typeof value === 'object' &&
    value !== null &&
    ['stats', 'setPolicy', 'list', 'whenClosed'].every(
      (name) => typeof Reflect.get(value, name) === 'function',
    )
  )
}
