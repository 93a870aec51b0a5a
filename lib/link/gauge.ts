import type { Bytes } from '../units.ts'
import type { EngineSocket, EngineTransport } from './engine.ts'
import { PollingGauge } from './polling.ts'
import { WebSocketGauge } from './websocket.ts'

/** What can be measured at, and done to, one transport object of a connection. */
export interface TransportGauge {
  readonly name: string
  /** Bytes that the transport holds and the kernel (on polling: the client) has not taken. */
  readonly held: Bytes
  /** Of a write that is under way, the bytes that the kernel has not taken; 0 if unknown. */
  readonly underWay: Bytes
  /** Told when the connection's write buffer was handed to the transport. */
  flushed(bytes: Bytes): void
  terminate(): void
  /** Takes its listeners off the transport. */
  detach(): void
}

/** Measures a transport; one of an unknown kind is measured by the write buffer alone. */
export function gaugeFor(
  conn: EngineSocket,
  transport: EngineTransport,
  onReady: () => void,
): TransportGauge {
  switch (transport.name) {
    case 'websocket':
      return WebSocketGauge.supports(transport)
        ? new WebSocketGauge(transport, onReady)
        : new BlindGauge(conn, transport, onReady)
    case 'polling':
      return new PollingGauge(conn, transport, onReady)
    default:
      return new BlindGauge(conn, transport, onReady)
  }
}

class BlindGauge implements TransportGauge {
  readonly held = 0
  readonly underWay = 0
  readonly #conn: EngineSocket
  readonly #transport: EngineTransport
  readonly #onReady: () => void

  constructor(conn: EngineSocket, transport: EngineTransport, onReady: () => void) {
    this.#conn = conn
    this.#transport = transport
    this.#onReady = onReady
    transport.on('ready', onReady)
    transport.on('drain', onReady)
  }

  get name(): string {
    return this.#transport.name
  }

  flushed(): void {}

  terminate(): void {
    this.#conn.close(true)
  }

  detach(): void {
    this.#transport.off('ready', this.#onReady)
    this.#transport.off('drain', this.#onReady)
  }
}
