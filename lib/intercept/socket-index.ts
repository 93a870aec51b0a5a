/** A Socket.IO socket. */
interface Indexed {
  readonly id: string
  readonly nsp: { readonly name: string }
}

/** Namespaces by name, with their sockets by id. */
type Namespaces<Socket extends Indexed> = ReadonlyMap<
  string,
  { readonly sockets: ReadonlyMap<string, Socket> }
>

/** Up to so many namespaces are searched one after the other. */
const FEW = 16
/** The least size of the index at which sockets that have left are removed. */
const LEAST = 256

/**
 * Finds sockets by their ids, which do not name the namespace. With many namespaces (clients make
 * dynamic ones) it uses an index, made at the first look-up.
 */
export class SocketIndex<Socket extends Indexed> {
  readonly #namespaces: () => Namespaces<Socket> | undefined
  #byId: Map<string, Socket> | undefined
  /** The size at which sockets that have left are removed. */
  #fullAt = LEAST

  constructor(namespaces: () => Namespaces<Socket> | undefined) {
    this.#namespaces = namespaces
  }

  find(id: string): Socket | undefined {
    const namespaces = this.#namespaces()
    if (!namespaces) return undefined
    if (namespaces.size <= FEW) {
      this.#byId = undefined
      for (const { sockets } of namespaces.values()) {
        const socket = sockets.get(id)
        if (socket) return socket
      }
      return undefined
    }
    this.#byId ??= this.#make(namespaces)
    const socket = this.#byId.get(id)
    return socket && this.#isThere(socket) ? socket : undefined
  }

  /** A socket has joined its namespace. */
  joined(socket: Socket): void {
    if (!this.#byId) return
    this.#byId.set(socket.id, socket)
    if (this.#byId.size < this.#fullAt) return
    for (const [id, each] of this.#byId) if (!this.#isThere(each)) this.#byId.delete(id)
    this.#fullAt = Math.max(LEAST, 2 * this.#byId.size)
  }

  #make(namespaces: Namespaces<Socket>): Map<string, Socket> {
    const byId = new Map<string, Socket>()
    for (const { sockets } of namespaces.values()) {
      for (const [id, socket] of sockets) byId.set(id, socket)
    }
    this.#fullAt = Math.max(LEAST, 2 * byId.size)
    return byId
  }

  #isThere(socket: Socket): boolean {
    return this.#namespaces()?.get(socket.nsp.name)?.sockets.get(socket.id) === socket
  }
}
