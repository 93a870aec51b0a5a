import type { EngineSocket, EngineTransport } from '../../socketio/engine.ts'
import { isWebSocket } from '../../socketio/ws.ts'
import { PollingGauge } from './polling.ts'
import type { GaugeEvents, TransportGauge } from './transport.ts'
import { UnknownGauge } from './unknown.ts'
import { WebSocketGauge } from './websocket.ts'

/**
 * For a client that polls at another node, or has upgraded there (nodes of @socket.io/cluster-engine
 * share sessions). The connection here keeps a polling transport that forwards what it is given, and
 * shows nothing of its delivery.
 */
export function elsewhere(
  conn: EngineSocket,
  transport: EngineTransport,
  events: GaugeEvents,
): TransportGauge {
  return new UnknownGauge(conn, transport, events, true)
}

/** Chooses a gauge. Of an unknown kind of transport only Engine.IO's write buffer is measured. */
export function gaugeFor(
  conn: EngineSocket,
  transport: EngineTransport,
  events: GaugeEvents,
): TransportGauge {
  if (transport.name === 'polling') {
    return conn.upgraded === true
      ? elsewhere(conn, transport, events)
      : new PollingGauge(conn, transport, events)
  }
  if (transport.name === 'websocket' && isWebSocket(transport)) {
    return new WebSocketGauge(conn, transport, events)
  }
  return new UnknownGauge(conn, transport, events)
}
