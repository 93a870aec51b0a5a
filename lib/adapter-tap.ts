import type { Packet } from './classifier.ts'
import type { WriteOptions } from './envelope.ts'
import type { EncodedPart } from './frame.ts'
import type { Recipient } from './round.ts'
import { replaceMethod } from './socketio/override.ts'

/** A Socket.IO socket, as its adapter knows it. */
export interface AdapterSocket extends Recipient {
  /** Private to Socket.IO, as what follows; optional here. */
  readonly client?: {
    writeToEngine?: (parts: readonly EncodedPart[], options: WriteOptions) => void
  }
  readonly _anyOutgoingListeners?: { readonly length: number } | undefined
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
  /** Whether broadcasts go to their recipients as the adapter sends them. */
  observes(): boolean
  /** The broadcast that was just encoded goes to these recipients. */
  broadcast(
    recipients: readonly AdapterSocket[],
    send: (socket: AdapterSocket) => void,
    parts: readonly EncodedPart[],
    options: WriteOptions,
  ): void
}

const EVENT = 2

/**
 * Has a host told of what is emitted, and of the recipients of a broadcast, whom it may send it one
 * after the other, instead of all at once. What Socket.IO's users could notice stays as it is:
 * messages that want an answer, are volatile, or have attachments that may change, and those that
 * `onAnyOutgoing` is told of. An adapter without these methods is left as it is.
 *
 * @returns gives it its own methods back; undefined if it is left as it is
 */
export function tapAdapter(adapter: TappedAdapter, host: AdapterHost): (() => void) | undefined {
  if (typeof adapter._encode !== 'function' || typeof adapter.apply !== 'function') return undefined
  /** Of the broadcast that was encoded, and whose recipients are asked for next. */
  let encoded: { readonly parts: EncodedPart[]; readonly options: WriteOptions } | undefined
  const restores = [
    replaceMethod(adapter, '_encode', (encode) => (packet, options) => {
      host.encodes(adapter, options)
      const parts = encode(packet, options)
      const canWait =
        packet.type === EVENT &&
        packet.id === undefined &&
        parts.length === 1 &&
        !options.volatile &&
        !host.observes()
      encoded = canWait ? { parts, options } : undefined
      return parts
    }),
    replaceMethod(adapter, 'apply', (apply) => (target, callback) => {
      const broadcast = encoded
      encoded = undefined
      if (!broadcast) return apply(target, callback)
      const { parts, options } = broadcast
      const recipients: AdapterSocket[] = []
      let isPlain = true
      apply(target, (socket) => {
        recipients.push(socket)
        isPlain &&=
          !socket._anyOutgoingListeners?.length &&
          typeof socket.client?.writeToEngine === 'function'
      })
      // as the callback, but that whoever begins to listen later is not told
      const send = (socket: AdapterSocket) => socket.client!.writeToEngine!(parts, options)
      if (isPlain) host.broadcast(recipients, send, parts, options)
      else for (const socket of recipients) callback(socket)
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
