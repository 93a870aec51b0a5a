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
  _encode?: (packet: Packet, options: WriteOptions) => EncodedPart[]
  apply?: (target: object, callback: (socket: AdapterSocket) => void) => void
}

/** What is told of a broadcast that was just encoded. */
export type OnBroadcast = (
  recipients: readonly AdapterSocket[],
  send: (socket: AdapterSocket) => void,
  options: WriteOptions,
) => void

const EVENT = 2

/**
 * Has the recipients of a broadcast told to somebody who may send them one after the other, instead of
 * all at once. What Socket.IO's users could notice stays as it is: messages that want an answer, are
 * volatile, or have attachments that may change, and those that `onAnyOutgoing` is told of. An
 * adapter without these methods is left as it is.
 *
 * @returns gives it its own methods back
 */
export function tapAdapter(adapter: TappedAdapter, onBroadcast: OnBroadcast): () => void {
  if (typeof adapter._encode !== 'function' || typeof adapter.apply !== 'function') return () => {}
  /** Of the broadcast that was encoded, and whose recipients are asked for next. */
  let encoded: { readonly parts: EncodedPart[]; readonly options: WriteOptions } | undefined
  const restoreEncode = replaceMethod(adapter, '_encode', (encode) => (packet, options) => {
    const parts = encode(packet, options)
    const canWait =
      packet.type === EVENT && packet.id === undefined && parts.length === 1 && !options.volatile
    encoded = canWait ? { parts, options } : undefined
    return parts
  })
  const restoreApply = replaceMethod(adapter, 'apply', (apply) => (target, callback) => {
    const broadcast = encoded
    encoded = undefined
    if (!broadcast) return apply(target, callback)
    const { parts, options } = broadcast
    const recipients: AdapterSocket[] = []
    let isPlain = true
    apply(target, (socket) => {
      recipients.push(socket)
      isPlain &&=
        !socket._anyOutgoingListeners?.length && typeof socket.client?.writeToEngine === 'function'
    })
    // as the callback, but that whoever begins to listen later is not told
    const send = (socket: AdapterSocket) => socket.client!.writeToEngine!(parts, options)
    if (isPlain) onBroadcast(recipients, send, options)
    else for (const socket of recipients) callback(socket)
  })
  return () => {
    restoreEncode?.()
    restoreApply?.()
  }
}
