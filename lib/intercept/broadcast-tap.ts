import type { Broadcasts, Recipient } from '../loop/broadcasts.ts'
import type { Envelope, WriteOptions } from '../message/envelope.ts'
import type { EncodedPart } from '../message/frame.ts'
import { Override } from '../socketio/override.ts'
import { OverrideLayer } from '../socketio/override-layer.ts'
import type { Packet } from '../socketio/packet.ts'
import type { AdapterSocket, TappedAdapter } from '../socketio/server.ts'

/** One `apply` of an adapter, which calls back for one socket after the other. */
export class LookUp {
  /** The socket of the present call back. */
  socket: AdapterSocket | undefined
  /** The message that was written to each socket until now. */
  envelope: Envelope | undefined
  /** Recipients that were not offered it at once. */
  readonly recipients: Recipient[] = []
  /** Number of recipients that were. */
  offered = 0
  readonly #broadcasts: Broadcasts
  #isAtOnce = false

  constructor(broadcasts: Broadcasts) {
    this.#broadcasts = broadcasts
  }

  /**
   * A message is written to a connection.
   *
   * @param recipient its channel
   * @returns whether it is the message of a broadcast: the first that is written to the socket, and
   *   the same that was written to those before; it is offered now or kept for later
   */
  add(conn: object, recipient: Recipient, envelope: Envelope): boolean {
    if (this.socket?.conn !== conn) return false
    if (this.envelope === undefined) {
      this.envelope = envelope
      this.#isAtOnce = this.#broadcasts.mayOfferAtOnce(envelope)
    } else if (this.envelope !== envelope) return false
    this.socket = undefined
    this.#isAtOnce &&= this.#broadcasts.offerAtOnce(recipient, envelope)
    if (this.#isAtOnce) this.offered++
    else this.recipients.push(recipient)
    return true
  }
}

/** Is told what the adapters of a server are about to do. */
export interface AdapterHost {
  /**
   * The application broadcasts a packet, which the adapter has not handled yet. Not called for
   * packets from other nodes. If it throws, nothing is emitted.
   */
  emitted(packet: Packet, namespace: string, adapter: TappedAdapter, wantsAnswer: boolean): void
  /** The adapter encodes a packet next, from here or from another node. */
  encodes(adapter: TappedAdapter, options: WriteOptions): void
  /**
   * The adapter calls back for each of some sockets. If all that happens is that the same message is
   * written to each, the host may write it later.
   */
  lookUp(run: (lookUp: LookUp) => void): void
  /** Code of the application runs next, so what was written until now may wait no longer. */
  interrupt(): void
}

const kTapped = Symbol('spillway.tapped')

interface MarkedAdapter extends TappedAdapter {
  [kTapped]?: BroadcastTap
}

/**
 * Overrides the adapters of a server, and tells a host what they are about to do. Clients can make
 * thousands of dynamic namespaces, each with an adapter: all of them share the functions.
 */
export class BroadcastTap {
  readonly #layer: OverrideLayer<MarkedAdapter, typeof kTapped>

  constructor(host: AdapterHost) {
    this.#layer = new OverrideLayer(overridesOf(this, host), kTapped, this)
  }

  has(adapter: MarkedAdapter): boolean {
    return this.#layer.isOn(adapter)
  }

  /** @returns whether it is tapped; an adapter that lacks the methods stays as it is */
  tap(adapter: MarkedAdapter): boolean {
    const { _encode, apply, nsp } = adapter
    if (typeof _encode !== 'function' || typeof apply !== 'function') return false
    return typeof nsp?.name === 'string' && this.#layer.install(adapter)
  }

  /** Gives an adapter its own methods back. */
  release(adapter: MarkedAdapter): void {
    this.#layer.restore(adapter)
  }
}

function overridesOf(taps: BroadcastTap, host: AdapterHost) {
  const encode = new Override<MarkedAdapter, '_encode'>(
    '_encode',
    function (this: MarkedAdapter, packet: Packet, options: WriteOptions): EncodedPart[] {
      if (taps.has(this)) host.encodes(this, options)
      return Reflect.apply(encode.original(this), this, [packet, options])
    },
  )
  const apply = new Override<MarkedAdapter, 'apply'>(
    'apply',
    function (this: MarkedAdapter, target: object, callback: (socket: AdapterSocket) => void) {
      const original = apply.original(this)
      if (!taps.has(this)) {
        Reflect.apply(original, this, [target, callback])
        return
      }
      host.lookUp((lookUp) => {
        const each = (socket: AdapterSocket) => {
          if (socket._anyOutgoingListeners?.length) host.interrupt()
          lookUp.socket = socket
          callback(socket)
        }
        Reflect.apply(original, this, [target, each])
      })
    },
  )
  const broadcasts = (['broadcast', 'broadcastWithAck'] as const).map((name) => {
    const override = new Override<MarkedAdapter, typeof name>(
      name,
      function (this: MarkedAdapter, packet: Packet, ...rest: unknown[]): unknown {
        if (taps.has(this)) {
          host.emitted(packet, this.nsp!.name, this, name === 'broadcastWithAck')
        }
        return Reflect.apply(override.original(this), this, [packet, ...rest])
      },
    )
    return override
  })
  return [encode, apply, ...broadcasts] as const
}
