import type { NamespaceSocket } from '../telemetry/client-identity.ts'

/** Hears of each socket that is kept no longer. */
export interface LeavingListener {
  left(socket: NamespaceSocket): void
}

/** Sockets kept before the first search for those that have left. */
const FEW = 8

/**
 * The sockets of one client, at most one for each namespace. Nobody tells of a socket that leaves, so
 * those that have left stay until they are replaced or found: the map is searched when it has
 * doubled since the last search, which makes `join` O(1) on average, however many namespaces a
 * client joins and leaves. Most clients join a single one, and a map is large: it is made for the
 * second.
 */
export class NamespaceSockets implements Iterable<NamespaceSocket> {
  #only: NamespaceSocket | undefined
  /** Takes the place of `#only` from the second socket on. */
  #byName: Map<string, NamespaceSocket> | undefined
  /** The size at which the map is searched. */
  #fullAt = FEW

  /** Number of sockets, including undiscovered ones that have left. */
  get size(): number {
    return this.#byName?.size ?? (this.#only ? 1 : 0)
  }

  /** The socket that joined the namespace last; it may have left since. */
  in(namespace: string): NamespaceSocket | undefined {
    if (this.#byName) return this.#byName.get(namespace)
    return this.#only?.nsp.name === namespace ? this.#only : undefined
  }

  /** The socket that is in the namespace now. */
  connectedIn(namespace: string): NamespaceSocket | undefined {
    const socket = this.in(namespace)
    return socket?.connected ? socket : undefined
  }

  has(socket: NamespaceSocket): boolean {
    return this.in(socket.nsp.name) === socket
  }

  join(socket: NamespaceSocket, listener: LeavingListener | undefined): void {
    const { name } = socket.nsp
    const before = this.in(name)
    if (before === socket) return
    if (before) this.remove(before, listener)
    if (this.#only && !this.#only.connected) this.remove(this.#only, listener)
    if (!this.#byName && !this.#only) {
      this.#only = socket
      return
    }
    this.#byName ??= new Map([[this.#only!.nsp.name, this.#only!]])
    this.#only = undefined
    this.#byName.set(name, socket)
    if (this.#byName.size >= this.#fullAt) this.forgetLeft(listener)
  }

  remove(socket: NamespaceSocket, listener: LeavingListener | undefined): void {
    if (!this.has(socket)) return
    if (this.#byName) this.#byName.delete(socket.nsp.name)
    else this.#only = undefined
    listener?.left(socket)
  }

  /** Whether any socket is connected. Removes those that it finds to have left. */
  anyConnected(listener: LeavingListener | undefined): boolean {
    for (const socket of this) {
      if (socket.connected) return true
      this.remove(socket, listener)
    }
    return false
  }

  *connected(): Generator<NamespaceSocket> {
    for (const socket of this) if (socket.connected) yield socket
  }

  *[Symbol.iterator](): Generator<NamespaceSocket> {
    if (this.#byName) yield* this.#byName.values()
    else if (this.#only) yield this.#only
  }

  /** Removes those that have left. O(sockets). */
  forgetLeft(listener: LeavingListener | undefined): void {
    for (const socket of this) if (!socket.connected) this.remove(socket, listener)
    this.#fullAt = Math.max(FEW, 2 * this.size)
  }
}
