import type { Clock } from '../base/clock.ts'
import type { Classifier } from '../classify/classifier.ts'
import type { EnvelopeFields } from '../message/envelope.ts'
import type { EncodedPart } from '../message/frame.ts'
import { eventOf, type Packet } from '../socketio/packet.ts'
import type { TappedAdapter, TappedServer } from '../socketio/server.ts'
import { type Origin, Origins } from './origins.ts'
import { forget, withoutOffset } from './recovery-offset.ts'

/** Collects what is known of a packet that Socket.IO encodes: its class, its origin, its parts. */
export class PacketFields {
  readonly #io: TappedServer
  readonly #classifier: Classifier
  readonly #clock: Clock
  readonly #origins: Origins
  readonly #observes: () => boolean

  /** @param observes whether everything is sent as without the plugin */
  constructor(io: TappedServer, classifier: Classifier, clock: Clock, observes: () => boolean) {
    this.#io = io
    this.#classifier = classifier
    this.#clock = clock
    this.#origins = new Origins(classifier, () => Boolean(io.opts?.connectionStateRecovery))
    this.#observes = observes
  }

  /** The application emits a packet. @throws SpillwayError with `validate: 'throw'` */
  emitted(packet: Packet, namespace: string, adapter: TappedAdapter, wantsAnswer: boolean): void {
    try {
      this.#origins.emitted(packet, namespace, adapter, wantsAnswer || packet.id !== undefined)
    } catch (refusal) {
      this.#forgetAnswer(packet, namespace)
      throw refusal
    }
  }

  /** An adapter encodes a packet next. */
  encodes(adapter: TappedAdapter, isVolatile: boolean): void {
    this.#origins.encodes(adapter, isVolatile)
  }

  /**
   * A packet is being encoded.
   *
   * @param isTapped whether the adapter of its namespace is tapped
   * @throws SpillwayError with `validate: 'throw'`, where the application emits
   */
  fieldsOf(
    packet: Packet,
    isTapped: boolean,
    encode: (packet: Packet) => EncodedPart[],
  ): EnvelopeFields {
    const now = this.#clock.now()
    const data = eventOf(packet)
    if (!data) return this.#classifier.classify(packet, encode(packet), now, undefined)
    const { verdict, isReplay, isVolatile } = this.#originOf(packet, data, isTapped)
    const parts = encode(packet)
    const fields = this.#classifier.classify(packet, parts, now, verdict, isReplay)
    if (fields.rule.class === 'critical' || isReplay || isVolatile) return fields
    if (this.#observes() || !this.#io.opts?.connectionStateRecovery) return fields
    const bare = withoutOffset(packet, verdict!)
    if (!bare) return fields
    const known = forget(packet, this.#io._nsps?.get(packet.nsp)?.adapter)
    return { ...fields, parts: known ? encode(known) : parts, bare: () => encode(bare) }
  }

  #originOf(packet: Packet, data: readonly unknown[], isTapped: boolean): Origin {
    try {
      return this.#origins.of(packet, data, isTapped)
    } catch (refusal) {
      this.#forgetAnswer(packet, packet.nsp)
      throw refusal
    }
  }

  /** Removes the callback of a packet that was not emitted, and so is never acknowledged. */
  #forgetAnswer({ id }: Packet, namespace: string): void {
    if (id === undefined) return
    for (const { acks } of this.#io._nsps?.get(namespace)?.sockets.values() ?? []) acks?.delete(id)
  }
}
