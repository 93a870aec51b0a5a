import { EventEmitter } from 'node:events'
import type { Bytes } from '../units.ts'
import type { EngineSocket, EngineTransport } from './engine.ts'

/** A `ws` WebSocket, as far as frames are written past it. */
interface Ws {
  readonly readyState: number
  readonly extensions?: unknown
  /** Private to `ws`, and used by Engine.IO too, for frames that Socket.IO has encoded. */
  readonly _sender?: { readonly sendFrame?: unknown }
  readonly _socket?: KernelSocket | null
}

interface KernelSocket {
  readonly destroyed: boolean
  readonly encrypted?: boolean
  write(bytes: Uint8Array, callback?: (error?: Error | null) => void): unknown
  cork(): void
  uncork(): void
}

export interface WriterEvents {
  /** The kernel has taken something. */
  ready(): void
}

const OPEN = 1
/** Up to here a copy costs less than writing from two buffers. */
const COPIED: Bytes = 4096

/**
 * Writes frames to a WebSocket's kernel socket, past Engine.IO's gate of one batch in flight and
 * past `ws`, where neither would do anything but pass them on: without compression, TLS, or
 * anyone who listens to what Engine.IO tells of its packets. To Engine.IO it looks as if its
 * transport were sending, since `volatile` and heartbeats go by that.
 */
export class FrameWriter {
  readonly #conn: EngineSocket
  readonly #transport: EngineTransport
  readonly #ws: Ws
  readonly #socket: KernelSocket
  readonly #events: WriterEvents
  /** Writes that the kernel has not taken. */
  #writes = 0

  /** @returns undefined if this transport has to be left to Engine.IO */
  static for(
    conn: EngineSocket,
    transport: EngineTransport,
    events: WriterEvents,
  ): FrameWriter | undefined {
    const { socket: ws } = transport as EngineTransport & { readonly socket?: Ws }
    const socket = ws?._socket
    const usable =
      conn.protocol === 4 &&
      Array.isArray(conn.writeBuffer) &&
      typeof conn.listenerCount === 'function' &&
      conn.server instanceof EventEmitter &&
      typeof transport.writable === 'boolean' &&
      typeof ws?.readyState === 'number' &&
      typeof ws._sender?.sendFrame === 'function' &&
      ws.extensions === '' &&
      typeof socket?.write === 'function' &&
      typeof socket.cork === 'function' &&
      socket.encrypted !== true
    return usable ? new FrameWriter(conn, transport, ws, socket, events) : undefined
  }

  private constructor(
    conn: EngineSocket,
    transport: EngineTransport,
    ws: Ws,
    socket: KernelSocket,
    events: WriterEvents,
  ) {
    this.#events = events
    this.#conn = conn
    this.#transport = transport
    this.#ws = ws
    this.#socket = socket
  }

  /** Whether nobody would notice now: nothing waits in Engine.IO, and nobody listens. */
  get usable(): boolean {
    const conn = this.#conn
    const { server } = conn
    return (
      conn.readyState === 'open' &&
      conn.writeBuffer!.length === 0 &&
      conn.listenerCount('packetCreate') === 0 &&
      conn.listenerCount('flush') === 0 &&
      // the link's own
      conn.listenerCount('drain') === 1 &&
      server.listenerCount('flush') === 0 &&
      server.listenerCount('drain') === 0
    )
  }

  /** Something will be written in this tick. */
  reserve(): void {
    this.#transport.writable = false
  }

  /** @param control a frame of the WebSocket protocol itself, to follow at once */
  write(frames: Uint8Array, control?: Uint8Array): void {
    // as Engine.IO does with what is written to a connection that is closing
    if (this.#ws.readyState !== OPEN || this.#socket.destroyed) return
    this.#writes++
    if (!control) this.#socket.write(frames, this.#onWritten)
    else if (frames.byteLength <= COPIED) {
      this.#socket.write(Buffer.concat([frames, control]), this.#onWritten)
    } else {
      this.#socket.cork()
      this.#socket.write(frames, this.#onWritten)
      this.#socket.write(control)
      this.#socket.uncork()
    }
  }

  /** A frame of the WebSocket protocol itself. */
  control(frame: Uint8Array): void {
    if (this.#ws.readyState === OPEN && !this.#socket.destroyed) this.#socket.write(frame)
  }

  cork(): void {
    this.#socket.cork()
  }

  uncork(): void {
    this.#socket.uncork()
  }

  readonly #onWritten = (error?: Error | null): void => {
    this.#writes--
    // Node reports the writes of a connection that was reset as done, before it reports the reset
    if (error || this.#socket.destroyed) return
    if (this.#writes === 0) this.#transport.writable = true
    // which is what Engine.IO waits for, if anything of its own waits
    if (this.#conn.writeBuffer!.length > 0) this.#transport.emit('ready')
    else this.#events.ready()
  }
}
