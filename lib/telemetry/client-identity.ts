import type { RefusalReason } from '../base/outcomes.ts'
import type { Millis } from '../base/units.ts'

/** Who a client is, for people: nothing of it decides anything. */
export interface Peer {
  readonly address: string | null
  /** What the client says that it is. */
  readonly userAgent: string | null
}

/** A client in events and logs. */
export interface ClientBrief extends Peer {
  readonly id: string
}

/** A new client that was refused. */
export interface RefusedClient {
  readonly reason: RefusalReason
  /** After which it may try again. */
  readonly retryAfter: Millis
  readonly address: string | null
}

/** A Socket.IO socket: a client in one of its namespaces. */
export interface NamespaceSocket {
  readonly id: string
  readonly nsp: { readonly name: string }
  /** False as soon as Socket.IO tells its `disconnect`. */
  readonly connected: boolean
  readonly rooms: ReadonlySet<string>
}
