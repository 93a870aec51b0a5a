import { EventEmitter } from 'node:events'
import type { EncodedPart } from '../../lib/message/frame.ts'
import type { EngineServer, EngineSocket, EngineTransport } from '../../lib/socketio/engine.ts'
import type { ModelLoop } from './loop.ts'

export const TRANSPORTS = ['frames', 'websocket', 'polling', 'other'] as const
/** `frames`: a WebSocket that takes frames past Engine.IO; `other`: one that proves nothing. */
export type TransportKind = (typeof TRANSPORTS)[number]

/** What arrives at a client, or is on its way. */
export type Arrival =
  | { readonly part: EncodedPart; readonly bytes: number }
  | { readonly ping: Buffer; readonly bytes: number }

interface Packet {
  readonly data: EncodedPart
  readonly bytes: number
}

/** A packet in a write buffer; those of the library itself don't tell their size. */
interface HeldBack {
  readonly data: EncodedPart
  readonly bytes?: number
}

/** What the connections of one run share. */
export interface Surroundings {
  readonly loop: ModelLoop
  readonly server: EngineServer
  /** How long a system call takes. */
  readonly cost: number
  sizeOf(data: EncodedPart): number
}

export function makeServer(pingInterval: number): EngineServer {
  return Object.assign(new EventEmitter(), { clients: {}, opts: { pingInterval } })
}

let connections = 0

/** As Engine.IO's Socket in what the links see of it: one batch in flight, the rest is buffered. */
export class ModelConnection extends EventEmitter implements EngineSocket {
  readonly id = ''
  readonly protocol = 4
  readonly request = undefined
  /** Each has its own: those of one address are given longer when one was closed. */
  readonly remoteAddress = String(++connections)
  readonly server: EngineServer
  readyState = 'open'
  upgrading = false
  writeBuffer: HeldBack[] = []
  transport: ModelTransport
  /** The transport has got all, and closed in good order. */
  orderly = false
  /** Cut off, by whichever side: nothing arrives any more. */
  cut = false
  readonly #surroundings: Surroundings
  readonly #arrive: (arrival: Arrival) => void
  #callbacks: Array<() => void> = []

  constructor(
    surroundings: Surroundings,
    kind: TransportKind,
    kernel: number,
    arrive: (arrival: Arrival) => void,
  ) {
    super()
    this.server = surroundings.server
    this.#surroundings = surroundings
    this.#arrive = arrive
    this.transport = this.#open(kind, kernel)
  }

  write(data: EncodedPart, options?: unknown, callback?: () => void): EngineSocket {
    this.sendPacket(data, options, callback)
    return this
  }

  send(data: EncodedPart, options?: unknown, callback?: () => void): EngineSocket {
    this.sendPacket(data, options, callback)
    return this
  }

  sendPacket(data: EncodedPart, options?: unknown, callback?: () => void): void {
    if (this.readyState === 'closing' || this.readyState === 'closed') return
    this.writeBuffer.push({ data, bytes: this.#surroundings.sizeOf(data) })
    const sent = typeof options === 'function' ? (options as () => void) : callback
    if (sent) this.#callbacks.push(sent)
    this.flush()
  }

  flush(): void {
    if (this.readyState === 'closed' || !this.transport.writable || !this.writeBuffer.length) return
    const { sizeOf } = this.#surroundings
    const packets = this.writeBuffer.map(({ data, bytes }) => ({
      data,
      bytes: bytes ?? sizeOf(data),
    }))
    this.writeBuffer = []
    const callbacks = this.#callbacks
    this.#callbacks = []
    this.transport.send(packets, () => {
      for (const each of callbacks) each()
    })
    this.emit('drain')
  }

  /** @param kept whether the library has yet to write packets that it shows there */
  bytesHeldBack(kept: boolean): number {
    let sum = 0
    for (const { data, bytes } of this.writeBuffer) {
      sum += bytes ?? (kept ? 0 : this.#surroundings.sizeOf(data))
    }
    return sum
  }

  close(discard?: boolean): void {
    if (discard && this.readyState !== 'closed') {
      this.transport.close(true, () => this.onClose())
      return
    }
    if (this.readyState !== 'open') return
    this.readyState = 'closing'
    if (this.writeBuffer.length > 0) this.once('drain', () => this.#closeTransport())
    else this.#closeTransport()
  }

  onClose(): void {
    if (this.readyState === 'closed') return
    this.readyState = 'closed'
    this.transport.close(true, () => {})
    this.emit('close')
  }

  /** The network, or the client, has cut it off. */
  cutOff(): void {
    if (this.cut) return
    this.cut = true
    this.transport.cutOff()
  }

  upgrade(kind: TransportKind, kernel: number): void {
    // a client upgrades after it has read its last response
    this.transport.deliver(Number.POSITIVE_INFINITY, false)
    this.upgrading = false
    this.transport.off('ready', this.#onReady)
    this.transport.off('drain', this.#onDrain)
    this.transport = this.#open(kind, kernel)
    this.emit('upgrade', this.transport)
    this.flush()
    if (this.readyState === 'closing') this.#closeTransport()
  }

  #closeTransport(): void {
    this.transport.close(false, () => {
      this.orderly = !this.cut
      this.onClose()
    })
  }

  #open(kind: TransportKind, kernel: number): ModelTransport {
    const gone = () => this.onClose()
    const { loop, cost } = this.#surroundings
    const transport =
      kind === 'polling'
        ? new PollingModel(loop, this.#arrive, gone)
        : new StreamModel(loop, kind, new Kernel(loop, kernel, cost, this.#arrive), this)
    transport.on('ready', this.#onReady)
    transport.on('drain', this.#onDrain)
    return transport
  }

  readonly #onReady = (): void => this.flush()
  readonly #onDrain = (): void => {}
}

export interface ModelTransport extends EngineTransport {
  send(packets: readonly Packet[], sent: () => void): void
  close(discard: boolean, closed: () => void): void
  cutOff(): void
  /** The client reads so many bytes; without what follows from it, while something else is done. */
  deliver(bytes: number, follows?: boolean): void
  /** Bytes that it holds and the other side has not taken: of messages, and of pings. */
  readonly untaken: { readonly messages: number; readonly pings: number }
  /** Whether the client has read all that left. */
  readonly read: boolean
  /** The client answers a ping. */
  pong(payload: Buffer): void
  /** The client sends something. */
  hear(): void
}

/** As in Engine.IO there is a class between an emitter and a transport. */
class TransportModel extends EventEmitter {}

/** HTTP long polling: one response in flight, answered by the next poll. */
class PollingModel extends TransportModel implements ModelTransport {
  readonly name = 'polling'
  writable = true
  readonly #loop: ModelLoop
  readonly #arrive: (arrival: Arrival) => void
  readonly #gone: () => void
  #response: readonly Packet[] = []
  #shouldClose: (() => void) | undefined

  constructor(loop: ModelLoop, arrive: (arrival: Arrival) => void, gone: () => void) {
    super()
    this.#loop = loop
    this.#arrive = arrive
    this.#gone = gone
  }

  get untaken() {
    return { messages: bytesOf(this.#response), pings: 0 }
  }

  get read(): boolean {
    return this.#response.length === 0
  }

  send(packets: readonly Packet[], sent: () => void): void {
    this.writable = false
    this.emit('headers', {}, { method: 'GET' })
    this.#response = packets
    this.#loop.nextTick(sent)
    const closed = this.#shouldClose
    this.#shouldClose = undefined
    closed?.()
  }

  close(discard: boolean, closed: () => void): void {
    if (this.writable || discard) closed()
    else this.#shouldClose = closed
  }

  cutOff(): void {
    this.#response = []
    this.#loop.immediate(this.#gone)
  }

  deliver(_bytes: number, follows = true): void {
    const response = this.#response
    this.#response = []
    for (const { data, bytes } of response) this.#arrive({ part: data, bytes })
    if (!follows || this.writable) return
    this.#loop.task(() => {
      this.writable = true
      this.emit('ready')
      if (this.writable) this.#shouldClose?.()
    })
  }

  pong(): void {}
  hear(): void {}
}

const NOTHING = { messages: 0, pings: 0 }
const OPEN = 1
const CLOSED = 3

/** A WebSocket, or something like it, over a kernel socket. */
class StreamModel extends TransportModel implements ModelTransport {
  readonly name: string
  writable = true
  /** What `ws` would show; one that proves nothing has none. */
  readonly socket: object | undefined
  readonly #loop: ModelLoop
  readonly #kernel: Kernel
  readonly #conn: ModelConnection
  readonly #ws = new WsModel()
  readonly parser = { encodePacket() {} }
  #readyState = OPEN

  constructor(loop: ModelLoop, kind: TransportKind, kernel: Kernel, conn: ModelConnection) {
    super()
    this.#loop = loop
    this.#kernel = kernel
    this.#conn = conn
    this.name = kind === 'other' ? 'webtransport' : 'websocket'
    this.socket = kind === 'other' ? undefined : this.#makeWs(kind)
  }

  get untaken() {
    // of one that it does not know, a server sees nothing but what Engine.IO holds back
    return this.socket ? this.#kernel.untaken : NOTHING
  }

  get read(): boolean {
    return this.#kernel.read
  }

  send(packets: readonly Packet[], sent: () => void): void {
    this.writable = false
    const last = packets.length - 1
    packets.forEach(({ data, bytes }, index) => {
      const done = (): void => {
        if (index < last || this.#kernel.destroyed) return
        sent()
        this.emit('drain')
        this.writable = true
        this.emit('ready')
      }
      this.#kernel.write([{ part: data, bytes }], done)
    })
  }

  close(_discard: boolean, closed: () => void): void {
    this.#readyState = CLOSED
    closed()
  }

  cutOff(): void {
    this.#readyState = CLOSED
    this.#kernel.destroy()
    this.#loop.immediate(() => this.#conn.onClose())
  }

  deliver(bytes: number, follows = true): void {
    this.#kernel.deliver(bytes)
    if (follows) this.#kernel.complete()
    else this.#loop.immediate(() => this.#kernel.complete())
  }

  pong(payload: Buffer): void {
    if (this.#readyState !== OPEN) return
    this.#loop.task(() => {
      this.hear()
      this.#ws.emit('pong', payload)
    })
  }

  hear(): void {
    this.#kernel.socket.bytesRead += 14
  }

  _canSendPreEncodedFrame(): boolean {
    return true
  }

  #makeWs(kind: TransportKind): object {
    const model = this
    const { socket } = this.#kernel
    const own = {
      extensions: kind === 'frames' ? '' : 'permessage-deflate',
      _sender: new SenderModel(socket),
      _socket: socket,
      get readyState() {
        return model.#readyState
      },
      get bufferedAmount() {
        return socket.writableLength
      },
      ping: (payload: Buffer) =>
        this.#kernel.write([{ ping: payload, bytes: 2 + payload.length }], () => {}),
      terminate: () => this.#conn.cutOff(),
    }
    return Object.defineProperties(this.#ws, Object.getOwnPropertyDescriptors(own))
  }
}

class WsModel extends EventEmitter {
  send(): void {}
}

/** There to be looked at: what is sent goes past it. */
class SenderModel {
  static frame(): void {}
  readonly _socket: KernelSocketModel

  constructor(socket: KernelSocketModel) {
    this._socket = socket
  }

  send(): void {}
  dispatch(): void {}
  sendFrame(): void {}
}

interface KernelWrite {
  readonly end: number
  readonly messages: number
  readonly pings: number
  readonly stream: number
  readonly done: () => void
}

/**
 * A socket: what is written is taken as far as the buffers of the kernel have room, a write is done
 * when all of it was taken, and the client reads from the other end.
 */
class Kernel {
  destroyed = false
  readonly untaken = { messages: 0, pings: 0 }
  readonly socket: KernelSocketModel
  readonly #loop: ModelLoop
  readonly #capacity: number
  readonly #cost: number
  readonly #arrive: (arrival: Arrival) => void
  readonly #way: Array<{ end: number; arrival: Arrival }> = []
  readonly #corked: Array<{ arrivals: readonly Arrival[]; done: () => void }> = []
  #writes: KernelWrite[] = []
  #handed = 0
  #read = 0

  constructor(loop: ModelLoop, capacity: number, cost: number, arrive: (arrival: Arrival) => void) {
    this.#loop = loop
    this.#capacity = capacity
    this.#cost = cost
    this.#arrive = arrive
    this.socket = new KernelSocketModel(this)
  }

  get read(): boolean {
    return this.#read === this.#handed
  }

  /** Bytes that the kernel has not taken, of what it was handed. */
  get queue(): number {
    return this.#handed - Math.min(this.#handed, this.#read + this.#capacity)
  }

  /** Through the stream: `done` is called later in any case. */
  write(arrivals: readonly Arrival[], done: () => void): void {
    this.socket.writableLength += bytesOf(arrivals)
    if (this.socket.writableCorked > 0) this.#corked.push({ arrivals, done })
    else this.#writeStream(arrivals, done)
  }

  uncorked(): void {
    for (const { arrivals, done } of this.#corked.splice(0)) this.#writeStream(arrivals, done)
  }

  #writeStream(arrivals: readonly Arrival[], done: () => void): void {
    const bytes = bytesOf(arrivals)
    const finished = (): void => {
      this.socket.writableLength -= bytes
      done()
    }
    if (!this.hand(arrivals, finished)) return
    this.socket.writableLength -= bytes
    this.#loop.nextTick(done)
  }

  /** @returns whether it was taken at once; `done` is not called then */
  hand(arrivals: readonly Arrival[], done: () => void): boolean {
    this.#loop.spend(this.#cost)
    if (this.destroyed) return true
    for (const arrival of arrivals) {
      this.#handed += arrival.bytes
      this.#way.push({ end: this.#handed, arrival })
    }
    if (this.#writes.length === 0 && this.queue === 0) return true
    const pings = bytesOf(arrivals.filter((each) => 'ping' in each))
    const messages = bytesOf(arrivals) - pings
    this.untaken.messages += messages
    this.untaken.pings += pings
    this.#writes.push({ end: this.#handed, messages, pings, stream: 0, done })
    return false
  }

  deliver(bytes: number): void {
    if (this.destroyed) return
    this.#read = Math.min(this.#handed, this.#read + bytes)
    while (this.#way[0] && this.#way[0].end <= this.#read) this.#arrive(this.#way.shift()!.arrival)
  }

  /** Tells of the writes that were taken. */
  complete(): void {
    this.#complete(this.#read + this.#capacity)
  }

  /** Node reports the writes of a connection that was reset as done. */
  destroy(): void {
    this.destroyed = true
    this.socket.destroyed = true
    this.#way.length = 0
    this.#loop.immediate(() => this.#complete(Number.POSITIVE_INFINITY))
  }

  #complete(until: number): void {
    while (this.#writes[0] && this.#writes[0].end <= until) {
      const { messages, pings, done } = this.#writes.shift()!
      this.untaken.messages -= messages
      this.untaken.pings -= pings
      this.#loop.task(done)
    }
  }
}

interface Request {
  oncomplete(status: number): void
  getAsyncId(): number
}

/** Node's view of it. */
class KernelSocketModel {
  destroyed = false
  bytesRead = 0
  writableLength = 0
  writableCorked = 0
  readonly timeout = 0
  readonly _handle: { readonly writeQueueSize: number; writeBuffer: unknown }
  readonly #kernel: Kernel

  constructor(kernel: Kernel) {
    this.#kernel = kernel
    this._handle = {
      get writeQueueSize() {
        return kernel.queue
      },
      writeBuffer(request: Request, bytes: Uint8Array): number {
        const taken = kernel.hand(arrivalsOf(bytes), () => request.oncomplete(0))
        // libuv numbers a request that it keeps
        if (!taken) request.getAsyncId = () => 1
        return 0
      },
    }
  }

  write(bytes: Uint8Array, done: (error?: Error) => void = () => {}): void {
    this.#kernel.write(arrivalsOf(bytes), done)
  }

  cork(): void {
    this.writableCorked++
  }

  uncork(): void {
    if (--this.writableCorked === 0) this.#kernel.uncorked()
  }

  destroy(): void {}
}

function bytesOf(items: ReadonlyArray<{ readonly bytes: number }>): number {
  let bytes = 0
  for (const item of items) bytes += item.bytes
  return bytes
}

const PING = 0x89
const TEXT = 0x81

/** Takes frames apart as a client does (RFC 6455 section 5.2). */
function arrivalsOf(bytes: Uint8Array): Arrival[] {
  const frames = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const arrivals: Arrival[] = []
  for (let at = 0; at < frames.byteLength; ) {
    const start = at
    const type = frames[at]
    let length = frames[at + 1]!
    at += 2
    if (length === 126) {
      length = frames.readUInt16BE(at)
      at += 2
    } else if (length === 127) {
      length = Number(frames.readBigUInt64BE(at))
      at += 8
    }
    const payload = frames.subarray(at, at + length)
    at += length
    const size = at - start
    if (type === PING) arrivals.push({ ping: Buffer.from(payload), bytes: size })
    // Engine.IO's type character stands before a text
    else if (type === TEXT) arrivals.push({ part: payload.toString('latin1', 1), bytes: size })
    else arrivals.push({ part: Uint8Array.from(payload), bytes: size })
  }
  return arrivals
}
