import type { RefusalReason } from '../base/outcomes.ts'
import type { Millis } from '../base/units.ts'

/** A client's address and user agent, for logs and the dashboard only. */
export interface Peer {
  readonly address: string | null
  /** The `User-Agent` header of the handshake, unverified. */
  readonly userAgent: string | null
}

/** A client as events and logs name it. */
export interface ClientBrief extends Peer {
  readonly id: string
}

/** A new client whose handshake was refused. */
export interface RefusedClient {
  readonly reason: RefusalReason
  /** Milliseconds after which the client may try again. */
  readonly retryAfter: Millis
  readonly address: string | null
}

/** A Socket.IO socket: a client in one of its namespaces. */
export interface NamespaceSocket {
  readonly id: string
  readonly nsp: { readonly name: string }
  /** Becomes false when Socket.IO emits `disconnect`. */
  readonly connected: boolean
  readonly rooms: ReadonlySet<string>
}
