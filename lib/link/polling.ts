import type { IncomingMessage } from 'node:http'
import type { Bytes } from '../units.ts'
import { discard, type EngineSocket, type EngineTransport, readyEventOf } from './engine.ts'
import type { GaugeEvents, TransportGauge } from './gauge.ts'

interface PollingTransport extends EngineTransport {
  /** Private to Engine.IO: ends a close that waits for the next poll, for up to half a minute. */
  readonly shouldClose?: (() => void) | null
  /** Private to Engine.IO: the response to the poll that is pending, or being answered. */
  readonly res?: unknown
}

/** HTTP long polling: what a response carried was received when the client polls again. */
export class PollingGauge implements TransportGauge {
  readonly name = 'polling'
  readonly writer = undefined
  readonly proof = 'itself'
  readonly underWay = 0
  readonly heard = 0
  held: Bytes = 0
  readonly lingers = false
  readonly #conn: EngineSocket
  readonly #transport: PollingTransport
  readonly #events: GaugeEvents
  readonly #readyEvent: 'ready' | 'drain'
  /** The answer that the next poll is. */
  #sequence: number | undefined
  /** The kernel socket of the latest response, which may still hold it. */
  #socket: { destroy?(): void } | undefined
  /** A response of this node has begun since the write buffer was last flushed. */
  #responding = false
  #elsewhere = false

  constructor(conn: EngineSocket, transport: PollingTransport, events: GaugeEvents) {
    this.#conn = conn
    this.#transport = transport
    this.#events = events
    this.#readyEvent = readyEventOf(transport)
    // before Engine.IO, which answers this poll with what waits
    transport.prependListener(this.#readyEvent, this.#onPoll)
    transport.on(this.#readyEvent, this.#onReady)
    transport.on('headers', this.#onHeaders)
  }

  measures(transport: EngineTransport): boolean {
    return transport === this.#transport && this.#conn.upgraded !== true
  }

  /** It was flushed without a response, or can take more though nobody has polled. */
  get elsewhere(): boolean {
    return this.#elsewhere || (this.held > 0 && this.#transport.writable)
  }

  flushed(bytes: Bytes, behind: Bytes): void {
    // before Engine.IO 6.6 the head of a response follows its compression
    this.#elsewhere = !this.#responding && !this.#transport.res
    this.#responding = false
    if (this.#elsewhere) return
    this.held += bytes
    this.#sequence = this.#events.responded(behind)
  }

  mark(): void {}

  terminate(): void {
    const socket = this.#socket
    discard(this.#conn)
    socket?.destroy?.()
  }

  /** Between two polls there is nobody to tell. */
  end(close: () => void): boolean {
    if (!this.#transport.writable) return false
    close()
    return true
  }

  whenGone(): void {}

  detach(received: boolean): void {
    this.#transport.off(this.#readyEvent, this.#onPoll)
    this.#transport.off(this.#readyEvent, this.#onReady)
    this.#transport.off('headers', this.#onHeaders)
    this.#socket = undefined
    if (received) this.#received()
  }

  readonly #onPoll = (): void => {
    this.#responding = false
    this.#received()
  }

  readonly #onReady = (): void => {
    this.#events.ready()
  }

  readonly #onHeaders = (_headers: unknown, request: IncomingMessage | null | undefined): void => {
    if (request?.method !== 'GET') return
    this.#socket = request.socket
    this.#responding = true
  }

  #received(): void {
    this.held = 0
    const sequence = this.#sequence
    this.#sequence = undefined
    if (sequence !== undefined) this.#events.answered(sequence)
  }
}
