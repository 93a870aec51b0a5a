import type { Envelope } from './envelope.ts'
import type { Owner } from './undelivered.ts'

/** A Socket.IO socket: a client in one of its namespaces. */
export interface NamespaceSocket {
  readonly id: string
  readonly nsp: { readonly name: string }
  /** False as soon as Socket.IO tells its `disconnect`. */
  readonly connected: boolean
  readonly rooms: ReadonlySet<string>
}

/**
 * The sockets of one client that have left their namespaces while something was queued for them, and
 * what that was: another socket may have joined the namespace since.
 */
export class FormerSockets {
  #sockets: Array<{ readonly socket: NamespaceSocket; readonly queued: ReadonlySet<Envelope> }> = []

  get sockets(): NamespaceSocket[] {
    return this.#sockets.map(({ socket }) => socket)
  }

  /** @param queued what is queued for the client, of all namespaces */
  add(socket: NamespaceSocket, queued: ReadonlySet<Envelope>): void {
    const own = new Set<Envelope>()
    for (const envelope of queued) {
      if (envelope.namespace === socket.nsp.name && !this.#holderOf(envelope)) own.add(envelope)
    }
    this.#sockets = this.#sockets.filter((each) => isAnyIn(each.queued, queued))
    if (own.size > 0) this.#sockets.push({ socket, queued: own })
  }

  /**
   * Whom a message is for.
   *
   * @param isJoined whether a socket is in its namespace
   */
  ownerOf(envelope: Envelope, isJoined: boolean): Owner {
    const { namespace } = envelope
    const holder = this.#holderOf(envelope)
    if (holder || isJoined) return holder ?? namespace
    const latest = this.#sockets.findLast(({ socket }) => socket.nsp.name === namespace)
    return latest?.socket ?? namespace
  }

  #holderOf(envelope: Envelope): NamespaceSocket | undefined {
    return this.#sockets.find(({ queued }) => queued.has(envelope))?.socket
  }
}

function isAnyIn<T>(these: Iterable<T>, those: ReadonlySet<T>): boolean {
  for (const each of these) if (those.has(each)) return true
  return false
}
