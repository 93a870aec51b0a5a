import type { Bytes } from '../base/units.ts'
import type { HeldBytes } from '../message/held-bytes.ts'
import { LEFT_SOCKET } from '../message/memory-costs.ts'
import type { NamespaceSocket } from '../telemetry/client-identity.ts'

/** A socket with queued messages, which stay its own when another socket joins its namespace. */
export class Owner {
  readonly socket: NamespaceSocket
  /** Number of messages in the lanes. */
  #waiting = 0
  readonly #owners: Owners
  #hasLeft = false

  constructor(socket: NamespaceSocket, owners: Owners) {
    this.socket = socket
    this.#owners = owners
  }

  /** Counts a queued message. */
  add(): void {
    if (this.#waiting++ === 0 && this.#hasLeft) this.#owners.charge(LEFT_SOCKET)
  }

  /** Counts a message that has left the queue. */
  remove(): void {
    if (--this.#waiting === 0 && this.#hasLeft) this.#owners.charge(-LEFT_SOCKET)
  }

  /** The socket has left: from now on only its queued messages keep it in memory. */
  leave(): void {
    if (this.#hasLeft || this.#waiting === 0) return
    this.#hasLeft = true
    this.#owners.charge(LEFT_SOCKET)
  }
}

/** The sockets of one client that have queued messages. All operations are O(1). */
export class Owners {
  /** Memory of sockets that only their queued messages keep. */
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

  /** Adds to the cost; for owners. */
  charge(bytes: Bytes): void {
    this.cost += bytes
    this.#heldBytes.add(bytes)
  }
}
