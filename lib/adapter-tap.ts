import type { Packet } from './classifier.ts'
import type { Envelope, WriteOptions } from './envelope.ts'
import type { EncodedPart } from './frame.ts'
import type { Recipient } from './round.ts'
import { replaceMethod } from './socketio/override.ts'

/** A Socket.IO socket, as its adapter knows it. */
export interface AdapterSocket extends Recipient {
  /** Private to Socket.IO; optional here. */
  readonly _anyOutgoingListeners?: { readonly length: number } | undefined
}

/** Sockets that an adapter looks up, to do something with one after the other. */
export class LookUp {
  /** The socket that something is done with now. */
  socket: AdapterSocket | undefined
  /** What was written to sockets until now, the same to each. */
  envelope: Envelope | undefined
  readonly recipients: AdapterSocket[] = []

  /**
   * Something is written to a connection.
   *
   * @returns whether it may go later: it is the first that is written to the socket, and the same
   *   that was written to those before
   */
  add(conn: object, envelope: Envelope): boolean {
    const { socket } = this
    if (socket?.conn !== conn) return false
    if (this.envelope !== undefined && this.envelope !== envelope) return false
    this.envelope = envelope
    this.recipients.push(socket)
    this.socket = undefined
    return true
  }
}

/**
 * Socket.IO's in-memory adapter, on which those for several nodes build. Private to it; optional
 * here. A broadcast, also one that comes from another node, is encoded by `_encode`, and at once
 * written to each socket that `apply` finds.
 */
export interface TappedAdapter {
  broadcast?: (packet: Packet, ...rest: unknown[]) => unknown
  broadcastWithAck?: (packet: Packet, ...rest: unknown[]) => unknown
  _encode?: (packet: Packet, options: WriteOptions) => EncodedPart[]
  apply?: (target: object, callback: (socket: AdapterSocket) => void) => void
}

/** Is told what an adapter does. */
export interface AdapterHost {
  /**
   * The application emits a packet, which the adapter has not seen yet. Not called for what comes
   * from other nodes. May throw: then nothing is emitted.
   */
  emitted(packet: Packet, adapter: TappedAdapter, wantsAnswer: boolean): void
  /** A packet is encoded next, whoever has emitted it. */
  encodes(adapter: TappedAdapter, options: WriteOptions): void
  /**
   * Something is done with each of some sockets. If that is to write the same to all of them, the
   * host may do so later.
   */
  lookUp(run: (lookUp: LookUp) => void): void
  /** Code of the application runs next: what was written until now may not wait for the others. */
  interrupt(): void
}

/**
 * Has a host told of what is emitted, and of the sockets that an adapter looks up. An adapter without
 * these methods is left as it is.
 *
 * @returns gives it its own methods back; undefined if it is left as it is
 */
export function tapAdapter(adapter: TappedAdapter, host: AdapterHost): (() => void) | undefined {
  if (typeof adapter._encode !== 'function' || typeof adapter.apply !== 'function') return undefined
  const restores = [
    replaceMethod(adapter, '_encode', (encode) => (packet, options) => {
      host.encodes(adapter, options)
      return encode(packet, options)
    }),
    replaceMethod(adapter, 'apply', (apply) => (target, callback) => {
      host.lookUp((lookUp) => {
        apply(target, (socket) => {
          if (socket._anyOutgoingListeners?.length) host.interrupt()
          lookUp.socket = socket
          callback(socket)
        })
      })
    }),
  ]
  for (const name of ['broadcast', 'broadcastWithAck'] as const) {
    if (typeof adapter[name] !== 'function') continue
    restores.push(
      replaceMethod(adapter, name, (broadcast) => (packet, ...rest) => {
        host.emitted(packet, adapter, name === 'broadcastWithAck')
        return broadcast(packet, ...rest)
      }),
    )
  }
  return () => {
    for (const restore of restores) restore?.()
  }
}
