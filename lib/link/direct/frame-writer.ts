import type { Bytes } from '../../base/units.ts'
import type { TickMember } from '../../loop/turn-scheduler.ts'
import type { FrameBatch } from '../../message/frame-batch.ts'
import type { EngineSocket, EngineTransport } from '../../socketio/engine.ts'
import type { KernelSocket } from '../../socketio/kernel-socket.ts'
import { note } from '../../socketio/override.ts'
import { SendPath } from '../../socketio/send-path.ts'
import { type BareTransport, isBare, OPEN, type Ws } from '../../socketio/ws.ts'
import type { GaugeHost } from '../link.ts'
import { unwatch, type WriteOwner, writeToKernel } from './kernel-write.ts'
import { showPending, showsPending } from './pending-bytes.ts'
import { isAwaited, tellFlushed, tellSent } from './sent-events.ts'

export interface WriterEvents {
  /** The kernel has taken something. */
  ready(): void
  /** Whether the link itself listens to the connection's `drain`. */
  readonly followsDrain: boolean
  readonly host: Pick<GaugeHost, 'whenTickEnds' | 'afterTick'>
}

const kWriter = Symbol('spillway.writer')

interface WrittenTransport extends BareTransport {
  /** Of an earlier link, while the kernel has not taken all that it has written. */
  [kWriter]?: FrameWriter
}

/**
 * What the writer holds Engine.IO's transport for, which sends for one at a time: nothing (it is free,
 * or Engine.IO is sending), messages that are kept until they are written, or messages written.
 */
type Hold = 'none' | 'kept' | 'written'

/** Size of the buffer, used again and again, in which frames and a marker are joined. */
const SCRATCH: Bytes = 64 * 1024
let scratch: Buffer | undefined

/**
 * Writes frames to a WebSocket's kernel socket, past Engine.IO, which sends one batch at a time, and
 * past `ws`. Only where both would pass the frames on unchanged (no compression, no TLS) and nobody
 * listens to the events of a packet. Meanwhile Engine.IO finds its transport not writable, as while
 * it sends itself: `volatile` and heartbeats go by that.
 */
export class FrameWriter implements WriteOwner, TickMember {
  readonly #conn: EngineSocket
  readonly #transport: WrittenTransport
  readonly #ws: Ws
  readonly #socket: KernelSocket
  readonly #path: SendPath
  /** Methods that the transport has made for itself, when the writer was made. */
  readonly #doSend: unknown
  readonly #doSendLast: unknown
  readonly #onSent: unknown
  readonly #onSentLast: unknown
  #events: WriterEvents
  /** Bytes written past the socket's stream that the kernel has not taken. */
  pending: Bytes = 0
  /** Writes that the kernel has not taken. */
  #writes = 0
  #hold: Hold = 'none'
  /** What was written and Engine.IO would have flushed after its transport's first packet. */
  #secondFlush: FrameBatch | undefined
  /** Made when it is first needed: most clients keep up. */
  #onWritten: ((error?: Error | null) => void) | undefined

  /** @returns undefined if this transport has to be left to Engine.IO */
  static for(
    conn: EngineSocket,
    transport: EngineTransport,
    events: WriterEvents,
  ): FrameWriter | undefined {
    if (!isBare(conn, transport)) return undefined
    const earlier = (transport as WrittenTransport)[kWriter]
    if (!earlier) {
      const ws = transport.socket
      const path = SendPath.of({ conn, transport, ws, socket: ws._socket })
      return path && new FrameWriter(conn, transport, path, events)
    }
    earlier.#events = events
    return earlier
  }

  private constructor(
    conn: EngineSocket,
    transport: BareTransport,
    path: SendPath,
    events: WriterEvents,
  ) {
    this.#events = events
    this.#path = path
    this.#doSend = transport._doSend
    this.#doSendLast = transport._doSendLast
    this.#onSent = transport._onSent
    this.#onSentLast = transport._onSentLast
    this.#conn = conn
    this.#transport = transport
    this.#ws = transport.socket
    this.#socket = transport.socket._socket
  }

  /**
   * Whether a direct write would make no difference to anybody now: Engine.IO sends nothing and holds
   * nothing back, the kernel has taken everything, nobody listens to the events of a write, and nobody
   * has replaced a method that Engine.IO would call.
   */
  get isUsable(): boolean {
    const conn = this.#conn
    const { readyState, sentCallbackFn, server, writeBuffer } = conn
    return (
      readyState === 'open' &&
      this.#ws.readyState === OPEN &&
      (this.#hold === 'none' ? this.#transport.writable : this.idle) &&
      writeBuffer!.length === 0 &&
      // before Engine.IO 6.6 each write calls the next callback, also one that waits for another
      typeof sentCallbackFn?.[0] !== 'function' &&
      !this.isSeen &&
      conn.listenerCount('flush') === 0 &&
      conn.listenerCount('drain') === (this.#events.followsDrain ? 1 : 0) &&
      server.listenerCount('flush') === 0 &&
      server.listenerCount('drain') === 0 &&
      !this.isReplaced
    )
  }

  /** Whether somebody looks at each packet as soon as it is emitted. */
  get isSeen(): boolean {
    return this.#conn.listenerCount('packetCreate') > 0 || !this.#path.leadsToTransport(this.#conn)
  }

  /** Whether somebody has replaced a method that Engine.IO would call to write to the kernel. */
  get isReplaced(): boolean {
    const transport = this.#transport
    return (
      transport._doSendLast !== this.#doSendLast ||
      transport._doSend !== this.#doSend ||
      transport._onSentLast !== this.#onSentLast ||
      transport._onSent !== this.#onSent ||
      !this.#path.leadsToKernel(this.#conn, transport, this.#ws, this.#socket)
    )
  }

  /** Whether the kernel has taken all that was written here. */
  get idle(): boolean {
    return this.#writes === 0
  }

  /**
   * Holds the transport for what will be written in this tick.
   *
   * @returns whether Engine.IO would have sent it at once
   */
  reserve(): boolean {
    const isFirst = this.#hold === 'none'
    this.#hold = 'kept'
    this.#transport.writable = false
    return isFirst
  }

  /**
   * Gives up what the transport was reserved for, and leaves it to Engine.IO.
   *
   * @param isFree whether Engine.IO has yet to send it; if not, it is sending it
   */
  release(isFree: boolean): void {
    this.#hold = isFree ? 'written' : 'none'
    if (isFree) this.#events.host.whenTickEnds(this)
  }

  /** @param control a control frame of the WebSocket protocol, to follow at once */
  write(batch: FrameBatch, control?: Uint8Array): void {
    this.#hold = 'written'
    // Engine.IO drops as well what is written to a connection that is closing
    if (!this.#open) return
    if (batch.heldBack > 0) this.#secondFlush = batch
    const { frames } = batch
    const bytes = control ? joined(frames, control) : frames
    const result = writeToKernel(this.#socket, bytes, this)
    if (result === 'taken') {
      // not at once: for `volatile` a transport takes one message a tick
      if (this.idle) this.#events.host.whenTickEnds(this)
      return
    }
    // the kernel reads the buffer until it has taken the write
    if (control) scratch = undefined
    this.#writes++
    if (result === 'pending') this.#setPending(this.pending + bytes.byteLength)
    else this.#socket.write(bytes, this.#callback)
  }

  /** Writes a control frame of the WebSocket protocol. */
  control(frame: Uint8Array): void {
    if (this.#open) this.#socket.write(frame)
  }

  taken(bytes: Bytes): void {
    this.#setPending(this.pending - bytes)
    this.#written()
  }

  /** Pending bytes that the WebSocket's `bufferedAmount` does not include. */
  get hidden(): Bytes {
    return this.pending === 0 || showsPending(this.#ws) ? 0 : this.pending
  }

  #setPending(bytes: Bytes): void {
    this.pending = bytes
    showPending(this.#ws, bytes)
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
   * Leaves the kernel socket as it was. Until the kernel has taken all writes, `for` returns this
   * writer again for the same transport.
   */
  detach(): void {
    unwatch(this.#socket)
    if (!this.idle) note(this.#transport, kWriter, this)
  }

  /**
   * Emits the events that Engine.IO would have emitted, once the kernel has taken what was written:
   * the transport has sent the first packet, and, a tick later, the others.
   */
  tickEnded(): void {
    if (!this.idle || this.#hold === 'none') return
    const conn = this.#conn
    const transport = this.#transport
    const secondFlush = this.#secondFlush
    this.#secondFlush = undefined
    const isFree = !secondFlush && this.#hold === 'written'
    if (isFree) this.#hold = 'none'
    if (secondFlush) this.#events.host.afterTick(this)
    // the first packet is none of what Engine.IO would hold back as a whole
    const isFirstSent = secondFlush?.isHeldBack !== true
    if (isFirstSent && isAwaited(transport, transport[kWriter] === this ? 0 : 1)) {
      tellSent(transport, isFree)
    } else if (isFree) transport.writable = true
    // Engine.IO may have held back what came while its transport seemed to be sending
    if (conn.writeBuffer!.length === 0) {
      if (secondFlush) tellFlushed(conn, secondFlush)
    } else if (isFree) conn.flush!()
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
      this.tickEnded()
      Reflect.deleteProperty(this.#transport, kWriter)
    }
    this.#events.ready()
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
