import type { EngineSocket, EngineTransport } from '../../socketio/engine.ts'
import { isWebSocket } from '../../socketio/ws.ts'
import { PollingGauge } from './polling.ts'
import type { GaugeEvents, TransportGauge } from './transport.ts'
import { UnknownGauge } from './unknown.ts'
import { WebSocketGauge } from './websocket.ts'

/**
 * In a cluster whose nodes share sessions (@socket.io/cluster-engine) a client may poll at any node,
 * or upgrade at another one: its connection then keeps a polling transport which hands on what it is
 * given. Nothing is known of its delivery here.
 */
export function elsewhere(
  conn: EngineSocket,
  transport: EngineTransport,
  events: GaugeEvents,
): TransportGauge {
  return new UnknownGauge(conn, transport, events, true)
}

/** Measures a transport; one of an unknown kind is measured by the write buffer alone. */
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
