import type { Envelope } from './envelope.ts'
import { Held, type Shared } from './ledger.ts'
import { BUFFER_COST } from './memory.ts'
import type { Bytes } from './units.ts'

/**
 * What one client is sent in one tick: a chain of envelopes that leave in one system call. Clients
 * that are sent the same share its nodes, and so the buffer that their frames are joined in.
 */
export class Burst {
  readonly envelope: Envelope
  readonly before: Burst | undefined
  readonly bytes: Bytes
  #held: Held | undefined
  /** What most clients are sent after it. */
  #next: Burst | undefined
  #frames: Buffer | undefined

  constructor(envelope: Envelope, before?: Burst) {
    this.envelope = envelope
    this.before = before
    this.bytes = (before?.bytes ?? 0) + envelope.bytes
  }

  /** This and one more. */
  and(envelope: Envelope): Burst {
    if (this.#next?.envelope !== envelope) this.#next = new Burst(envelope, this)
    return this.#next
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
    for (let each: Burst | undefined = this; each; each = each.before) {
      end -= each.envelope.bytes
      joined.set(each.envelope.frames, end)
    }
    return joined
  }
}

/** Finds the nodes that are shared: those of the first envelope of a tick. */
export class Bursts {
  #first: Burst | undefined

  startingWith(envelope: Envelope): Burst {
    if (this.#first?.envelope !== envelope) this.#first = new Burst(envelope)
    return this.#first
  }

  /** Lets go of what was shared. */
  clear(): void {
    this.#first = undefined
  }
}
