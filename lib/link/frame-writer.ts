import { EventEmitter } from 'node:events'
import type { TickMember } from '../fanout.ts'
import { note } from '../socketio/override.ts'
import type { Bytes } from '../units.ts'
import type { EngineSocket, EngineTransport } from './engine.ts'
import { type KernelSocket, unwatch, type WriteOwner, writeToKernel } from './kernel-write.ts'

/** A `ws` WebSocket, as far as frames are written past it. */
interface Ws {
  readonly readyState: number
  readonly extensions?: unknown
  /** Private to `ws`, and used by Engine.IO too, for frames that Socket.IO has encoded. */
  readonly _sender?: { readonly sendFrame?: unknown }
  readonly _socket?: KernelSocket | null
}

export interface WriterEvents {
  /** The kernel has taken something. */
  ready(): void
  /** Asks for `tickEnded`, at once if no tick is under way. */
  whenTickEnds(writer: TickMember): void
}

const kWriter = Symbol('spillway.writer')

interface WrittenTransport extends EngineTransport {
  /** Of an earlier link, while the kernel has not taken all that it has written. */
  [kWriter]?: FrameWriter
}

const OPEN = 1
/** Up to here frames and a marker are joined in a buffer that is used again. */
const SCRATCH: Bytes = 64 * 1024
let scratch: Buffer | undefined

/**
 * Writes frames to a WebSocket's kernel socket, past Engine.IO's gate of one batch in flight and
 * past `ws`, where neither would do anything but pass them on: without compression, TLS, or
 * anyone who listens to what Engine.IO tells of its packets. To Engine.IO it looks as if its
 * transport were sending, since `volatile` and heartbeats go by that.
 */
export class FrameWriter implements WriteOwner, TickMember {
  readonly #conn: EngineSocket
  readonly #transport: EngineTransport
  readonly #ws: Ws
  readonly #socket: KernelSocket
  #events: WriterEvents
  /** Bytes written past the socket's stream that the kernel has not taken. */
  pending: Bytes = 0
  /** Writes that the kernel has not taken. */
  #writes = 0
  /** Made when it is first needed: most clients keep up. */
  #onWritten: ((error?: Error | null) => void) | undefined

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
      typeof conn.flush === 'function' &&
      typeof conn.listenerCount === 'function' &&
      conn.server instanceof EventEmitter &&
      typeof transport.writable === 'boolean' &&
      // to others Engine.IO writes bytes as base64
      transport.supportsBinary !== false &&
      typeof ws?.readyState === 'number' &&
      typeof ws._sender?.sendFrame === 'function' &&
      ws.extensions === '' &&
      typeof socket?.write === 'function' &&
      typeof socket.cork === 'function' &&
      socket.encrypted !== true
    if (!usable) return undefined
    const earlier = (transport as WrittenTransport)[kWriter]
    if (!earlier) return new FrameWriter(conn, transport, ws, socket, events)
    earlier.#events = events
    return earlier
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

  /**
   * Whether nobody would notice now: nothing waits in Engine.IO, and nobody listens.
   *
   * @param own listeners for `drain` that may stay without it
   */
  isUsable(own: number): boolean {
    const conn = this.#conn
    const { server } = conn
    return (
      conn.readyState === 'open' &&
      conn.writeBuffer!.length === 0 &&
      // before Engine.IO 6.6 each write through it leads to one callback, however many there are
      typeof conn.sentCallbackFn?.[0] !== 'function' &&
      conn.listenerCount('packetCreate') === 0 &&
      conn.listenerCount('flush') === 0 &&
      conn.listenerCount('drain') === own &&
      server.listenerCount('flush') === 0 &&
      server.listenerCount('drain') === 0
    )
  }

  /** Whether the kernel has taken all that was written here. */
  get idle(): boolean {
    return this.#writes === 0
  }

  /** Something will be written in this tick. */
  reserve(): void {
    this.#transport.writable = false
  }

  /** @param control a frame of the WebSocket protocol itself, to follow at once */
  write(frames: Uint8Array, control?: Uint8Array): void {
    // as Engine.IO does with what is written to a connection that is closing
    if (!this.#open) return
    const bytes = control ? joined(frames, control) : frames
    const result = writeToKernel(this.#socket, bytes, this)
    if (result === 'taken') {
      // `volatile` counts on it that a transport takes one message a tick
      if (this.idle) this.#events.whenTickEnds(this)
      return
    }
    // it is in use until it is taken
    if (control) scratch = undefined
    this.#writes++
    if (result === 'pending') this.pending += bytes.byteLength
    else this.#socket.write(bytes, this.#callback)
  }

  /** A frame of the WebSocket protocol itself. */
  control(frame: Uint8Array): void {
    if (this.#open) this.#socket.write(frame)
  }

  taken(bytes: Bytes): void {
    this.pending -= bytes
    this.#written()
  }

  cork(): void {
    this.#socket.cork()
  }

  uncork(): void {
    this.#socket.uncork()
  }

  get #open(): boolean {
    return this.#ws.readyState === OPEN && this.#socket._handle != null
  }

  /**
   * Leaves the kernel socket as it was. While the kernel takes its writes, whoever writes to the
   * transport next goes on with this writer.
   */
  detach(): void {
    unwatch(this.#socket)
    if (!this.idle) note(this.#transport as WrittenTransport, kWriter, this)
  }

  tickEnded(): void {
    if (!this.idle) return
    this.#transport.writable = true
    this.#pass()
  }

  get #callback(): (error?: Error | null) => void {
    this.#onWritten ??= (error) => this.#written(error)
    return this.#onWritten
  }

  #written(error?: Error | null): void {
    this.#writes--
    // Node reports the writes of a connection that was reset as done, before it reports the reset
    if (error || this.#socket.destroyed) return
    if (this.idle) {
      this.#transport.writable = true
      Reflect.deleteProperty(this.#transport, kWriter)
    }
    this.#pass()
    this.#events.ready()
  }

  /** Engine.IO held back what came while its transport seemed to be sending. */
  #pass(): void {
    if (this.#conn.writeBuffer!.length > 0) this.#conn.flush!()
  }
}

function joined(frames: Uint8Array, control: Uint8Array): Uint8Array {
  const bytes = frames.byteLength + control.byteLength
  if (bytes > SCRATCH) return Buffer.concat([frames, control])
  scratch ??= Buffer.allocUnsafeSlow(SCRATCH)
  scratch.set(frames)
  scratch.set(control, frames.byteLength)
  return scratch.subarray(0, bytes)
}
