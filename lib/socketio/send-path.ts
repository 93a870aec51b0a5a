import { EventEmitter } from 'node:events'
import { Socket } from 'node:net'
import { Duplex, Writable } from 'node:stream'

/**
 * The objects through which a packet passes from Engine.IO's `conn.write` to the kernel, with the
 * methods that are called on the way. Most are private to Engine.IO, `ws` or Node.
 */
export interface Carriers {
  readonly conn: object & {
    readonly transport?: unknown
    readonly server?: unknown
    readonly emit?: unknown
    readonly flush?: unknown
    readonly sendPacket?: unknown
  }
  readonly transport: object & {
    readonly socket?: unknown
    readonly parser?: unknown
    readonly emit?: unknown
    readonly send?: unknown
    readonly _canSendPreEncodedFrame?: unknown
    /** These four are own properties of each transport; not before Engine.IO 6.6. */
    readonly _doSend?: unknown
    readonly _doSendLast?: unknown
    readonly _onSent?: unknown
    readonly _onSentLast?: unknown
  }
  readonly ws: object & { readonly send?: unknown; readonly _sender?: unknown }
  readonly socket: object & {
    readonly write?: unknown
    readonly cork?: unknown
    readonly uncork?: unknown
    readonly _write?: unknown
    readonly _writev?: unknown
    readonly _writeGeneric?: unknown
  }
}

interface Sender {
  readonly _socket?: unknown
  readonly send?: unknown
  readonly dispatch?: unknown
  readonly sendFrame?: unknown
}

/**
 * Compares the methods between `conn.write` and the kernel with those of Engine.IO, `ws` and Node. A
 * library that has replaced one of them, of one object or of all, at any time, has to see each packet:
 * then nothing may be written past it.
 *
 * A method is known to be its class's own if the source text of the class contains the method's. That
 * works if this module is loaded last, and in a bundle. An unknown method counts as replaced.
 */
export class SendPath {
  readonly #connection: Prototype
  readonly #transport: Prototype
  readonly #ws: Prototype
  readonly #sender: Prototype
  readonly #socket: Prototype
  readonly #write: unknown
  readonly #sendPacket: unknown
  readonly #flush: unknown
  readonly #sendBatch: unknown
  readonly #canSendFrame: unknown
  readonly #parser: unknown
  readonly #encodePacket: unknown
  readonly #sendMessage: unknown
  readonly #sendPart: unknown
  readonly #dispatch: unknown
  readonly #sendFrame: unknown
  readonly #frame: unknown
  readonly #cork: unknown
  readonly #uncork: unknown
  readonly #writeToStream: unknown
  readonly #writeOne: unknown
  readonly #writeMany: unknown
  readonly #writeAny: unknown

  /** @returns undefined if an object is of an unknown class, or a method was replaced before */
  static of(carriers: Carriers): SendPath | undefined {
    let path = latest
    if (path === undefined || !path.#fits(carriers)) {
      path = new SendPath(carriers)
      if (!path.#isKnown) return undefined
      latest = path
    }
    return areOwn(carriers.transport) ? path : undefined
  }

  private constructor({ conn, transport, ws, socket }: Carriers) {
    this.#connection = prototypeOf(conn)
    this.#transport = prototypeOf(transport)
    this.#ws = prototypeOf(ws)
    this.#sender = prototypeOf(ws._sender as object)
    this.#socket = prototypeOf(socket)
    this.#write = this.#connection.write
    this.#sendPacket = this.#connection.sendPacket
    this.#flush = this.#connection.flush
    this.#sendBatch = this.#transport.send
    this.#canSendFrame = this.#transport._canSendPreEncodedFrame
    this.#parser = transport.parser
    this.#encodePacket = (transport.parser as Prototype).encodePacket
    this.#sendMessage = this.#ws.send
    this.#sendPart = this.#sender.send
    this.#dispatch = this.#sender.dispatch
    this.#sendFrame = this.#sender.sendFrame
    this.#frame = (this.#sender.constructor as unknown as Prototype).frame
    this.#cork = this.#socket.cork
    this.#uncork = this.#socket.uncork
    this.#writeToStream = this.#socket.write
    this.#writeOne = this.#socket._write
    this.#writeMany = this.#socket._writev
    this.#writeAny = this.#socket._writeGeneric
  }

  #fits({ conn, transport, ws, socket }: Carriers): boolean {
    return (
      prototypeOf(conn) === this.#connection &&
      prototypeOf(transport) === this.#transport &&
      prototypeOf(ws) === this.#ws &&
      prototypeOf(ws._sender as object) === this.#sender &&
      prototypeOf(socket) === this.#socket
    )
  }

  get #isKnown(): boolean {
    return (
      // a derived class may do more
      depthOf(this.#connection) === 1 &&
      depthOf(this.#transport) === 2 &&
      depthOf(this.#ws) === 1 &&
      depthOf(this.#sender) === 1 &&
      isOwn(this.#connection, this.#write) &&
      isOwn(this.#connection, this.#sendPacket) &&
      isOwn(this.#connection, this.#flush) &&
      isOwn(this.#transport, this.#sendBatch) &&
      isOwn(this.#transport, this.#canSendFrame) &&
      isOwn(this.#ws, this.#sendMessage) &&
      isOwn(this.#sender, this.#sendPart) &&
      isOwn(this.#sender, this.#dispatch) &&
      isOwn(this.#sender, this.#sendFrame) &&
      isOwn(this.#sender, this.#frame) &&
      (nodesEmit as { readonly name: string }).name === 'emit' &&
      (isNodes(this.#socket) ||
        (depthOf(this.#socket) === 1 &&
          isOwn(this.#socket, this.#writeToStream) &&
          isOwn(this.#socket, this.#cork) &&
          isOwn(this.#socket, this.#uncork)))
    )
  }

  /** Whether the methods above the transport are the original ones; the connection's `write` may not be. */
  leadsToTransport({ emit, flush, sendPacket, server }: Carriers['conn']): boolean {
    return (
      this.#connection.write === this.#write &&
      sendPacket === this.#sendPacket &&
      flush === this.#flush &&
      emit === nodesEmit &&
      (server as Emitter).emit === nodesEmit
    )
  }

  /** Whether the methods below the connection are the original ones; a transport's own are not checked. */
  leadsToKernel(
    conn: Carriers['conn'],
    transport: Carriers['transport'],
    ws: Carriers['ws'],
    socket: Carriers['socket'],
  ): boolean {
    const sender = ws._sender as Sender
    return (
      conn.transport === transport &&
      transport.socket === ws &&
      transport.send === this.#sendBatch &&
      transport.emit === nodesEmit &&
      transport._canSendPreEncodedFrame === this.#canSendFrame &&
      transport.parser === this.#parser &&
      (this.#parser as Prototype).encodePacket === this.#encodePacket &&
      ws.send === this.#sendMessage &&
      sender.send === this.#sendPart &&
      sender.dispatch === this.#dispatch &&
      sender.sendFrame === this.#sendFrame &&
      (this.#sender.constructor as unknown as Prototype).frame === this.#frame &&
      sender._socket === socket &&
      socket.write === this.#writeToStream &&
      socket._write === this.#writeOne &&
      socket._writev === this.#writeMany &&
      socket._writeGeneric === this.#writeAny &&
      socket.cork === this.#cork &&
      socket.uncork === this.#uncork
    )
  }
}

/** Whether a connection's `flush` is Engine.IO's. */
export function hasOwnFlush(conn: Carriers['conn']): boolean {
  const connection = prototypeOf(conn)
  const { flush } = connection
  if (conn.flush !== flush) return false
  if (flushes.get(connection) === flush) return true
  if (depthOf(connection) !== 1 || !isOwn(connection, flush)) return false
  flushes.set(connection, flush)
  return true
}

/** The known `flush` of each class, by its prototype. */
const flushes = new WeakMap<object, unknown>()

type Prototype = Readonly<Record<string, unknown>>
type Emitter = { readonly emit: unknown }

/** That of the latest connection: in most processes all have the same. */
let latest: SendPath | undefined

const nodesEmit: unknown = EventEmitter.prototype.emit

/** Whether it is Node's, and no library had replaced its methods when this module was loaded. */
function isNodes(socket: Prototype): boolean {
  const isInherited = (name: 'write' | 'cork' | 'uncork') =>
    socket[name] === Writable.prototype[name] && Duplex.prototype[name] === Writable.prototype[name]
  return (
    socket === (Socket.prototype as unknown) &&
    isInherited('write') &&
    isInherited('cork') &&
    isInherited('uncork') &&
    // its class is a function: the text has no methods in it
    String(socket.write).includes('_write(this') &&
    String(socket._write).includes('_writeGeneric(false') &&
    String(socket._writev).includes('_writeGeneric(true') &&
    String(socket._writeGeneric).includes('this.connecting')
  )
}

function prototypeOf(object: object): Prototype {
  return Object.getPrototypeOf(object)
}

/** The number of classes between a prototype and Node's EventEmitter, or Object. */
function depthOf(prototype: object): number {
  let depth = 0
  for (let each = prototype; each !== Object.prototype; each = Object.getPrototypeOf(each)) {
    if (each === EventEmitter.prototype) return depth
    depth++
  }
  return depth
}

/** Source texts of classes, by their prototypes; there are a few. */
const texts = new WeakMap<object, string>()

function isOwn(prototype: Prototype, method: unknown): boolean {
  if (typeof method !== 'function') return false
  let text = texts.get(prototype)
  if (text === undefined) {
    text = String(prototype.constructor)
    texts.set(prototype, text)
  }
  return text.includes(String(method))
}

/** Whether a transport's own methods are as its class makes them. */
function areOwn(transport: Carriers['transport']): boolean {
  const prototype = prototypeOf(transport)
  const { _doSend, _doSendLast, _onSent, _onSentLast } = transport
  for (const each of [_doSend, _doSendLast, _onSent, _onSentLast]) {
    if (each !== undefined && !isOwn(prototype, each)) return false
  }
  return true
}
