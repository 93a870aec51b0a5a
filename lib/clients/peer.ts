import { shown } from '../base/printable.ts'
import type { EngineSocket } from '../socketio/engine.ts'
import type { ClientBrief, Peer } from '../telemetry/client-identity.ts'
import type { Client } from './client.ts'

/** The address of a connection's client, and the user agent that it claims to be. */
export function peerOf(conn: EngineSocket): Peer {
  const userAgent = conn.request?.headers?.['user-agent']
  return {
    address: conn.remoteAddress ?? null,
    userAgent: userAgent === undefined ? null : shown(userAgent),
  }
}

/** What events, logs and callbacks say of a client. */
export function briefOf({ id, link }: Client): ClientBrief {
  return { id, ...peerOf(link.conn) }
}
