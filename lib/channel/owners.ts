import type { Bytes } from '../base/units.ts'
import type { HeldBytes } from '../message/held-bytes.ts'
import { LEFT_SOCKET } from '../message/memory-costs.ts'
import type { NamespaceSocket } from '../telemetry/client-identity.ts'

/** A socket that messages wait for. They are its own, also when another one joins its namespace. */
export class Owner {
  readonly socket: NamespaceSocket
  /** Messages in the lanes. */
  #waiting = 0
  readonly #owners: Owners
  #hasLeft = false

  constructor(socket: NamespaceSocket, owners: Owners) {
    this.socket = socket
    this.#owners = owners
  }

  /** A message for it is queued. */
  add(): void {
    if (this.#waiting++ === 0 && this.#hasLeft) this.#owners.charge(LEFT_SOCKET)
  }

  /** A message for it is queued no longer. */
  remove(): void {
    if (--this.#waiting === 0 && this.#hasLeft) this.#owners.charge(-LEFT_SOCKET)
  }

  /** What waits for it is all that keeps it in memory from now on. */
  leave(): void {
    if (this.#hasLeft || this.#waiting === 0) return
    this.#hasLeft = true
    this.#owners.charge(LEFT_SOCKET)
  }
}

/** The sockets of one client that something waits for. All operations are O(1). */
export class Owners {
  /** Memory of sockets that are kept only because something waits for them. */
  cost: Bytes = 0
  readonly #heldBytes: HeldBytes
  readonly #bySocket = new Map<NamespaceSocket, Owner>()
  #latest: Owner | undefined

  constructor(heldBytes: HeldBytes) {
    this.#heldBytes = heldBytes
  }

  of(socket: NamespaceSocket): Owner {
    if (this.#latest?.socket === socket) return this.#latest
    let owner = this.#bySocket.get(socket)
    if (!owner) {
      owner = new Owner(socket, this)
      this.#bySocket.set(socket, owner)
    }
    this.#latest = owner
    return owner
  }

  /** The socket has left its namespace, and its client keeps it no longer. */
  left(socket: NamespaceSocket): void {
    const owner = this.#bySocket.get(socket)
    if (!owner) return
    this.#bySocket.delete(socket)
    if (this.#latest === owner) this.#latest = undefined
    owner.leave()
  }

  /** For owners. */
  charge(bytes: Bytes): void {
    this.cost += bytes
    this.#heldBytes.add(bytes)
  }
}
