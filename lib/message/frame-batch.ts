import type { Bytes } from '../base/units.ts'
import type { EnginePacket, Envelope } from './envelope.ts'
import { Held, type Shared } from './held-bytes.ts'
import { BUFFER_COST } from './memory-costs.ts'

/**
 * What one client is sent in one tick: a chain of envelopes that leave in one system call. Clients
 * that are sent the same share its nodes, and so the buffer that their frames are joined in.
 */
export class FrameBatch {
  readonly envelope: Envelope
  readonly before: FrameBatch | undefined
  readonly bytes: Bytes
  /**
   * How many packets Engine.IO would hold back, until its transport has sent what was written
   * before them: all, or all but the first.
   */
  readonly heldBack: number
  #held: Held | undefined
  /** What most clients are sent after it. */
  #next: FrameBatch | undefined
  #frames: Buffer | undefined

  /**
   * @param before what it follows
   * @param sent how many packets of a first envelope Engine.IO would send at once
   */
  constructor(envelope: Envelope, before?: FrameBatch, sent: 0 | 1 = 0) {
    this.envelope = envelope
    this.before = before
    this.bytes = (before?.bytes ?? 0) + envelope.bytes
    this.heldBack = (before?.heldBack ?? -sent) + envelope.parts.length
  }

  /** This and one more. */
  and(envelope: Envelope): FrameBatch {
    if (this.#next?.envelope !== envelope) this.#next = new FrameBatch(envelope, this)
    return this.#next
  }

  /** Whether Engine.IO would hold back all of it. */
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

  /** The packets that Engine.IO would hold back. */
  get packets(): EnginePacket[] {
    const packets: EnginePacket[] = []
    for (let each: FrameBatch | undefined = this; each; each = each.before) {
      packets.unshift(...each.envelope.packets)
    }
    return packets.slice(packets.length - this.heldBack)
  }

  /** What is in memory while its frames are: one alone has its envelope's. */
  get held(): Shared {
    if (this.before === undefined) return this.envelope
    // not the messages, which nothing keeps once their frames are joined
    this.#held ??= new Held(this.bytes, BUFFER_COST + this.bytes)
    return this.#held
  }

  /** All frames in their order; shared, never changed. */
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

/** Finds the nodes that are shared: those of the first envelope of a tick. */
export class FrameBatches {
  /** By how many packets of them Engine.IO would send at once. */
  readonly #first: [none: FrameBatch | undefined, one: FrameBatch | undefined] = [
    undefined,
    undefined,
  ]

  /** @param writable whether Engine.IO would send its first packet at once */
  startingWith(envelope: Envelope, writable: boolean): FrameBatch {
    const sent = writable ? 1 : 0
    let first = this.#first[sent]
    if (first?.envelope !== envelope) {
      first = new FrameBatch(envelope, undefined, sent)
      this.#first[sent] = first
    }
    return first
  }

  /** Lets go of what was shared. */
  clear(): void {
    this.#first.fill(undefined)
  }
}
