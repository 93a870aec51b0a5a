import type { Bytes } from '../units.ts'
import type { EngineTransport } from './engine.ts'
import type { TransportGauge } from './gauge.ts'

/** The parts of a `ws` WebSocket that are used. */
interface Ws {
  readonly bufferedAmount: number
  terminate(): void
  /** Private to `ws`; optional here and only read. */
  readonly _socket?: {
    readonly destroyed?: unknown
    readonly _handle?: { readonly writeQueueSize?: unknown } | null
  } | null
}

interface WebSocketTransport extends EngineTransport {
  readonly socket: Ws
}

/** A WebSocket: `bufferedAmount` is what its kernel socket has not taken. */
export class WebSocketGauge implements TransportGauge {
  readonly name = 'websocket'
  readonly #transport: WebSocketTransport
  readonly #onReady: () => void

  static supports(transport: EngineTransport): transport is WebSocketTransport {
    const { socket } = transport as Partial<WebSocketTransport>
    return typeof socket?.bufferedAmount === 'number' && typeof socket.terminate === 'function'
  }

  constructor(transport: WebSocketTransport, onReady: () => void) {
    this.#transport = transport
    // Node reports the writes of a connection that was reset as done, before it reports the reset
    this.#onReady = () => {
      if (transport.socket._socket?.destroyed !== true) onReady()
    }
    transport.on('ready', this.#onReady)
  }

  get held(): Bytes {
    return this.#transport.socket.bufferedAmount
  }

  /**
   * `bufferedAmount` falls only when a whole write is done; libuv's queue shows its progress.
   * Node's own socket timeout reads the same property.
   */
  get underWay(): Bytes {
    const size = this.#transport.socket._socket?._handle?.writeQueueSize
    return typeof size === 'number' ? size : 0
  }

  flushed(): void {}

  terminate(): void {
    this.#transport.socket.terminate()
  }

  detach(): void {
    this.#transport.off('ready', this.#onReady)
  }
}
