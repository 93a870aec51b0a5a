import type { ClosingCode } from '../base/outcomes.ts'
import type { Bytes } from '../base/units.ts'
import type { NamespaceSocket } from '../telemetry/client-identity.ts'
import type { Undelivered } from '../telemetry/undelivered.ts'
import type { DeliveryWindow } from '../window/delivery-window.ts'
import type { NamespaceSockets } from './namespace-sockets.ts'

/** One of the sockets of a closed client. */
export interface LeftSocket {
  readonly socket: NamespaceSocket
  /** It was in its namespace until the client was closed. */
  readonly stayed: boolean
}

/** What a closed client had not received, as far as it is known. */
export interface Remainder {
  readonly sockets: readonly LeftSocket[]
  /** None if there is nothing to tell of it. */
  readonly code: ClosingCode | undefined
  /** Queued or refused; what is refused later is added to it. */
  readonly undelivered: Undelivered
  /** Sent, receipt not proven; null if that can't be known. */
  readonly inFlight: Bytes | null
}

/**
 * What is told of a client whose connection is gone.
 *
 * @param terminated the library closed it: whoever is still in a namespace has stayed
 */
export function remainderOf(
  sockets: NamespaceSockets,
  undelivered: Undelivered,
  code: ClosingCode | undefined,
  terminated: boolean,
  window: DeliveryWindow,
): Remainder {
  const inFlight = window.blind ? null : window.inFlight
  // one that has everything only did not answer in time
  const hasAll = code === 'shutdown' && undelivered.messages === 0 && inFlight === 0
  const left: LeftSocket[] = []
  for (const socket of undelivered.addressees()) {
    if (typeof socket === 'string' || sockets.has(socket)) continue
    left.push({ socket, stayed: false })
  }
  for (const socket of sockets) left.push({ socket, stayed: terminated || socket.connected })
  return { code: hasAll ? undefined : code, sockets: left, undelivered, inFlight }
}
