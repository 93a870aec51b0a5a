import type { IncomingMessage } from 'node:http'
import type { Bytes } from '../units.ts'
import type { EngineSocket, EngineTransport } from './engine.ts'
import type { TransportGauge } from './gauge.ts'

/** HTTP long polling: what a response carried is taken when the client polls again. */
export class PollingGauge implements TransportGauge {
  readonly name = 'polling'
  readonly underWay = 0
  held: Bytes = 0
  readonly #conn: EngineSocket
  readonly #transport: EngineTransport
  readonly #onReady: () => void
  readonly #onPoll = (): void => {
    this.held = 0
    this.#onReady()
  }
  /** The kernel socket of the latest response, which may still hold it. */
  readonly #onHeaders = (_headers: unknown, request: IncomingMessage | undefined): void => {
    if (request?.method === 'GET') this.#socket = request.socket
  }
  #socket: { destroy(): void } | undefined

  constructor(conn: EngineSocket, transport: EngineTransport, onReady: () => void) {
    this.#conn = conn
    this.#transport = transport
    this.#onReady = onReady
    transport.on('ready', this.#onPoll)
    transport.on('headers', this.#onHeaders)
  }

  flushed(bytes: Bytes): void {
    this.held += bytes
  }

  terminate(): void {
    const socket = this.#socket
    this.#conn.close(true)
    socket?.destroy()
  }

  detach(): void {
    this.#transport.off('ready', this.#onPoll)
    this.#transport.off('headers', this.#onHeaders)
    this.#socket = undefined
  }
}
