import { shown } from '../base/printable.ts'
import type { EngineSocket } from '../socketio/engine.ts'
import type { Peer } from '../telemetry/client-identity.ts'

/** Who a connection's client is, as it says. */
export function peerOf(conn: EngineSocket): Peer {
  const userAgent = conn.request?.headers?.['user-agent']
  return {
    address: conn.remoteAddress ?? null,
    userAgent: userAgent === undefined ? null : shown(userAgent),
  }
}
