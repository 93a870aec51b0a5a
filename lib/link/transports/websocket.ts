import type { Bytes } from '../../base/units.ts'
import { pingOf } from '../../message/frame.ts'
import type { FrameBatch } from '../../message/frame-batch.ts'
import { type EngineSocket, type EngineTransport, readyEventOf } from '../../socketio/engine.ts'
import { note, Override } from '../../socketio/override.ts'
import { CLOSED, OPEN, type WebSocketTransport, type Ws } from '../../socketio/ws.ts'
import { FrameWriter } from '../direct/frame-writer.ts'
import type { Ending } from '../link.ts'
import { answerOf, makeMarker, type OpenMarker, payloadOf } from '../marker-tokens.ts'
import { pinged, unguardPongs } from './auto-pong.ts'
import type { GaugeEvents, TransportGauge } from './transport.ts'

const kGauge = Symbol('spillway.gauge')

interface GaugedWs extends Ws {
  [kGauge]?: WebSocketGauge | undefined
}

interface GaugedTransport extends WebSocketTransport {
  readonly socket: GaugedWs
  [kGauge]?: WebSocketGauge | undefined
}

/**
 * A WebSocket: `bufferedAmount` is what its kernel socket has not taken, and pings are the
 * delivery markers, since a client answers them in their place in the stream (RFC 6455 section
 * 5.5.2).
 */
export class WebSocketGauge implements TransportGauge {
  readonly name = 'websocket'
  readonly elsewhere = false
  readonly gathers = false
  readonly proof: 'markers' | 'none'
  readonly writer: FrameWriter | undefined
  readonly #transport: GaugedTransport
  readonly #events: GaugeEvents
  /** Whether Engine.IO has written something that the kernel may not have taken. */
  #mixed = false
  /** The oldest marker without an answer, linked to those after it. */
  #open: OpenMarker | undefined

  constructor(conn: EngineSocket, transport: GaugedTransport, events: GaugeEvents) {
    const { socket } = transport
    this.#transport = transport
    this.writer = FrameWriter.for(conn, transport, events)
    this.#events = events
    this.#mixed = socket.bufferedAmount > 0
    note(this.#transport, kGauge, this)
    transport.on(readyEventOf(transport), onReady)
    note(socket, kGauge, this)
    if (typeof socket.close === 'function') closing.install(socket)
    const pings = typeof socket.ping === 'function' && typeof socket.on === 'function'
    this.proof = pings ? 'markers' : 'none'
    if (pings) {
      socket.on?.('pong', onPong)
      socket.on?.('ping', onPing)
    }
  }

  measures(transport: EngineTransport): boolean {
    return transport === this.#transport
  }

  get held(): Bytes {
    const { writer } = this
    if (writer?.idle && !this.#mixed) return 0
    const held = this.#transport.socket.bufferedAmount + (writer?.hidden ?? 0)
    if (held === 0) this.#mixed = false
    return held
  }

  /**
   * `bufferedAmount` falls only when a whole write is done; libuv's queue shows its progress.
   * Node's own socket timeout reads the same property.
   */
  get underWay(): Bytes {
    const size = this.#transport.socket._socket?._handle?.writeQueueSize
    return typeof size === 'number' ? size : 0
  }

  get heard(): Bytes {
    return this.#transport.socket._socket?.bytesRead ?? 0
  }

  get ending(): Ending | undefined {
    const { readyState } = this.#transport.socket
    return readyState !== undefined && readyState > OPEN ? 'shut' : undefined
  }

  flushed(): void {
    this.#mixed = true
  }

  mark(sequence: number, before?: FrameBatch): void {
    const marker = makeMarker(sequence)
    this.#append(marker)
    const payload = payloadOf(marker)
    const { writer } = this
    if (before) writer!.write(before, pingOf(payload))
    else if (writer && !writer.isReplaced) writer.control(pingOf(payload))
    else this.#transport.socket.ping?.(payload)
  }

  /** Resets the TCP connection, which frees the kernel's buffers too. Over TLS that is not possible. */
  terminate(): void {
    const { socket } = this.#transport
    if (socket._socket?.encrypted !== true) socket._socket?.resetAndDestroy?.()
    socket.terminate()
  }

  /** Past Engine.IO, which would not wait for the client's answer to the close. */
  end(close: () => void): boolean {
    const { socket } = this.#transport
    if (socket.close) socket.close()
    else close()
    return true
  }

  get lingers(): boolean {
    const { readyState, once } = this.#transport.socket
    return once !== undefined && readyState !== undefined && readyState !== CLOSED
  }

  whenGone(callback: () => void): void {
    this.#transport.socket.once?.('close', callback)
  }

  look(): void {}

  detach(): void {
    const { socket } = this.#transport
    this.#transport.off('ready', onReady)
    this.#transport.off('drain', onReady)
    socket.off?.('pong', onPong)
    socket.off?.('ping', onPing)
    unguardPongs(socket)
    closing.restore(socket)
    this.writer?.detach()
    Reflect.deleteProperty(this.#transport, kGauge)
    Reflect.deleteProperty(socket, kGauge)
  }

  /** Node reports the writes of a reset connection as done, before it reports the reset. */
  ready(): void {
    if (this.#transport.socket._socket?.destroyed !== true) this.#events.ready()
  }

  pong(payload: unknown): void {
    const answer = answerOf(payload, this.#open)
    if (answer === 'foreign') return
    if (answer === 'unasked') {
      this.#events.host.unasked()
      return
    }
    // an endpoint may answer the latest ping only (RFC 6455 section 5.5.3)
    this.#open = answer.next
    this.#events.answered(answer.sequence)
  }

  closes(): void {
    const { socket } = this.#transport
    // a client that has closed reads no more; a transport that is discarded has a successor
    const isOver = this.ending || socket._closeFrameReceived === true
    if (!isOver && this.#transport.discarded !== true) this.#events.closes()
  }

  ping(payload: unknown): void {
    pinged(this.#transport.socket, payload, this.#events.host.plain)
  }

  #append(marker: OpenMarker): void {
    let last = this.#open
    if (!last) this.#open = marker
    else {
      while (last.next) last = last.next
      last.next = marker
    }
  }
}

// One function for all connections, so that an idle one costs no closure.

const closing = new Override<GaugedWs, 'close'>(
  'close',
  function (this: GaugedWs, ...args: unknown[]): void {
    this[kGauge]?.closes()
    Reflect.apply(closing.original(this), this, args)
  },
)

function onReady(this: GaugedTransport): void {
  this[kGauge]?.ready()
}

function onPong(this: GaugedWs, payload: unknown): void {
  this[kGauge]?.pong(payload)
}

function onPing(this: GaugedWs, payload: unknown): void {
  this[kGauge]?.ping(payload)
}
