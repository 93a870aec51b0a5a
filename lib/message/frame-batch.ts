import type { Bytes } from '../base/units.ts'
import type { EnginePacket, Envelope } from './envelope.ts'
import { Held, type Shared } from './held-bytes.ts'
import { BUFFER_COST } from './memory-costs.ts'

/**
 * The messages that one client is sent in one tick: a linked list of envelopes, last first, written by
 * one system call. Clients that are sent the same messages share the nodes and the joined buffer.
 */
export class FrameBatch {
  readonly envelope: Envelope
  readonly before: FrameBatch | undefined
  readonly bytes: Bytes
  /**
   * Number of packets that Engine.IO alone would leave in its `writeBuffer` until the transport has
   * drained: all packets, or all but the first.
   */
  readonly heldBack: number
  #held: Held | undefined
  /** The node of the latest message that followed, reused by clients that are sent the same one. */
  #next: FrameBatch | undefined
  #frames: Buffer | undefined

  /**
   * @param before the batch that this envelope extends
   * @param sent number of packets of a first envelope that Engine.IO would hand over at once
   */
  constructor(envelope: Envelope, before?: FrameBatch, sent: 0 | 1 = 0) {
    this.envelope = envelope
    this.before = before
    this.bytes = (before?.bytes ?? 0) + envelope.bytes
    this.heldBack = (before?.heldBack ?? -sent) + envelope.parts.length
  }

  /** The batch extended by one envelope. */
  and(envelope: Envelope): FrameBatch {
    if (this.#next?.envelope !== envelope) this.#next = new FrameBatch(envelope, this)
    return this.#next
  }

  /** Whether Engine.IO alone would leave all packets in its `writeBuffer`. */
  get isHeldBack(): boolean {
    const first = this.#beginning
    return first.heldBack === first.envelope.parts.length
  }

  get first(): EnginePacket {
    return this.#beginning.envelope.packets[0]!
  }

  get #beginning(): FrameBatch {
    let first: FrameBatch = this
    while (first.before) first = first.before
    return first
  }

  /** The packets that Engine.IO alone would leave in its `writeBuffer`. */
  get packets(): EnginePacket[] {
    const packets: EnginePacket[] = []
    for (let each: FrameBatch | undefined = this; each; each = each.before) {
      packets.unshift(...each.envelope.packets)
    }
    return packets.slice(packets.length - this.heldBack)
  }

  /** The memory that lives as long as the frames: the envelope's own, or that of the joined buffer. */
  get held(): Shared {
    if (this.before === undefined) return this.envelope
    // excludes the envelopes, which become garbage once their frames are joined
    this.#held ??= new Held(this.bytes, BUFFER_COST + this.bytes)
    return this.#held
  }

  /** The frames of all messages in order, in one immutable buffer that clients share. */
  get frames(): Buffer {
    this.#frames ??= this.before === undefined ? this.envelope.frames : this.#join()
    return this.#frames
  }

  #join(): Buffer {
    const joined = Buffer.allocUnsafe(this.bytes)
    let end = this.bytes
    for (let each: FrameBatch | undefined = this; each; each = each.before) {
      end -= each.envelope.bytes
      joined.set(each.envelope.frames, end)
    }
    return joined
  }
}

/** The latest first nodes, so that clients whose tick begins with the same envelope share a batch. */
export class FrameBatches {
  /** Index: the number of packets that Engine.IO would hand over at once. */
  readonly #first: [none: FrameBatch | undefined, one: FrameBatch | undefined] = [
    undefined,
    undefined,
  ]

  /** @param writable whether Engine.IO would hand over the first packet at once */
  startingWith(envelope: Envelope, writable: boolean): FrameBatch {
    const sent = writable ? 1 : 0
    let first = this.#first[sent]
    if (first?.envelope !== envelope) {
      first = new FrameBatch(envelope, undefined, sent)
      this.#first[sent] = first
    }
    return first
  }

  /** Drops the references, so that batches of past ticks can be garbage-collected. */
  clear(): void {
    this.#first.fill(undefined)
  }
}
