import type { Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import type { EngineLink } from '../link/engine-link.ts'
import type { NamespaceSocket } from '../telemetry/client-identity.ts'

/** A connected client: the channel of one Engine.IO connection. */
export type Client = Channel<EngineLink>

/** What Socket.IO knows of a client that was connected before the server was attached to. */
export interface KnownClient {
  readonly sockets: readonly NamespaceSocket[]
  readonly connectedFor: Millis
}
