import type { Bytes, Millis } from '../base/units.ts'
import { type EncodedPart, frameBytes, framesOf, isFramable } from './frame.ts'
import type { HeldBytes, Shared } from './held-bytes.ts'
import { BUFFER_COST, memoryOf } from './memory-costs.ts'
import type { Rule } from './rule.ts'

/** Options of Engine.IO's `write`, as the emitter made them: shared, passed on, never changed. */
export interface WriteOptions {
  readonly compress?: boolean
  readonly volatile?: boolean
  readonly wsPreEncodedFrame?: readonly Uint8Array[]
}

/** What Engine.IO makes of a part, and what it shows to those who look at its write buffer. */
export interface EnginePacket {
  readonly type: 'message'
  readonly options: WriteOptions
  readonly data: EncodedPart
}

export type PacketKind = 'event' | 'connect' | 'disconnect' | 'other'

/**
 * One encoded message, made once an emit and shared by the queues of all its recipients.
 * Nothing that is sent changes after it was first offered to a client.
 */
export class Envelope implements Shared {
  readonly rule: Rule
  readonly kind: PacketKind
  readonly namespace: string
  /** Its name as it was emitted; undefined if it is no event. */
  readonly event: string | undefined
  readonly parts: readonly EncodedPart[]
  readonly options: WriteOptions | undefined
  /** On the wire, each part with its framing; `bytes` is their sum. */
  readonly sizes: readonly Bytes[]
  readonly bytes: Bytes
  readonly key: string | undefined
  readonly emittedAt: Millis
  /** A client that has come back is sent it again. */
  readonly isReplay: boolean
  /** The Socket.IO id that a CONNECT packet tells its client. */
  readonly sid: string | undefined
  /** Engine.IO's callback; only code that writes past Socket.IO passes one. */
  readonly callback: (() => void) | undefined
  /** Whether `frames` can be had; the rest is Engine.IO's. */
  readonly framable: boolean
  #holders = 0
  #charged: Bytes = 0
  #heldBytes: HeldBytes | undefined
  #weight: Bytes | undefined
  readonly #bare: (() => readonly EncodedPart[]) | undefined
  /** The frame that came with the message. */
  readonly #given: readonly Uint8Array[] | undefined
  #overtakable: Envelope | undefined
  #frames: Buffer | undefined
  #packets: readonly EnginePacket[] | undefined

  constructor(fields: EnvelopeFields, options?: WriteOptions, callback?: () => void) {
    this.rule = fields.rule
    this.kind = fields.kind
    this.namespace = fields.namespace
    this.event = fields.event
    this.parts = fields.parts
    const given = options?.wsPreEncodedFrame
    // as Engine.IO, which writes it in place of each part
    this.#given = fields.parts.length === 1 && isWritable(given) ? given : undefined
    this.sizes = this.#given ? [byteLengthOf(this.#given)] : fields.parts.map(frameBytes)
    this.framable = given === undefined ? fields.parts.every(isFramable) : this.#given === given
    let bytes = 0
    for (const size of this.sizes) bytes += size
    this.bytes = bytes
    this.key = fields.key
    this.emittedAt = fields.emittedAt
    this.isReplay = fields.isReplay === true
    this.sid = fields.sid
    this.#bare = fields.bare
    this.options = options
    this.callback = callback
  }

  /**
   * The same as it goes if it waits and others may overtake it. To be asked first while it is
   * emitted, since later its payload may have changed.
   */
  get overtakable(): Envelope {
    if (!this.#bare) return this
    this.#overtakable ??= new Envelope(
      { ...this, bare: undefined, parts: this.#bare() },
      bareOptions(this.options),
    )
    return this.#overtakable
  }

  /** What a WebSocket carries; shared, never changed. */
  get frames(): Buffer {
    if (!this.#frames) {
      this.#frames = this.#given
        ? Buffer.concat(this.#given, this.bytes)
        : framesOf(this.parts, this.bytes)
      this.#heldBytes?.charge(this)
    }
    return this.#frames
  }

  /** One for each part; shared, never changed. */
  get packets(): readonly EnginePacket[] {
    const options = this.options ?? UNCOMPRESSED
    this.#packets ??= this.parts.map((data) => ({ type: 'message', options, data }))
    return this.#packets
  }

  /** What it takes in memory without its frames, as estimated; it does not change. */
  get weight(): Bytes {
    this.#weight ??= memoryOf(this.parts, this.options?.wsPreEncodedFrame, this.key)
    return this.#weight
  }

  get cost(): Bytes {
    return this.#frames ? this.weight + BUFFER_COST + this.bytes : this.weight
  }

  // Kept by `HeldBytes`, and no part of what is sent, which never changes.

  get holders(): number {
    return this.#holders
  }

  set holders(holders: number) {
    this.#holders = holders
  }

  get charged(): Bytes {
    return this.#charged
  }

  set charged(charged: Bytes) {
    this.#charged = charged
  }

  get heldBytes(): HeldBytes | undefined {
    return this.#heldBytes
  }

  set heldBytes(heldBytes: HeldBytes | undefined) {
    this.#heldBytes = heldBytes
  }

  /** @param maxAge where the annotation does not say */
  expired(now: Millis, maxAge: Millis): boolean {
    return now - this.emittedAt > (this.rule.maxAge ?? maxAge)
  }
}

const UNCOMPRESSED: WriteOptions = { compress: false }

export interface EnvelopeFields {
  readonly rule: Rule
  readonly kind: PacketKind
  readonly namespace: string
  readonly event?: string | undefined
  readonly parts: readonly EncodedPart[]
  readonly key?: string | undefined
  readonly emittedAt: Millis
  readonly isReplay?: boolean | undefined
  readonly sid?: string | undefined
  /** Encodes it without recovery's offset, if it has one and may go without. */
  readonly bare?: (() => readonly EncodedPart[]) | undefined
}

/** For whoever leaves them out: fields that are missing would be looked for in the prototype. */
export const NO_FIELDS = {
  event: undefined,
  key: undefined,
  isReplay: false,
  sid: undefined,
  bare: undefined,
} as const satisfies Partial<EnvelopeFields>

/** A frame that was encoded in advance is that of another encoding. */
function bareOptions(options: WriteOptions | undefined): WriteOptions | undefined {
  if (!options?.wsPreEncodedFrame) return options
  const { wsPreEncodedFrame, ...rest } = options
  return rest
}

/** Whether all of a frame is written: `ws` takes a header and a payload, or both in one. */
function isWritable(frame: WriteOptions['wsPreEncodedFrame']): boolean {
  if (!Array.isArray(frame) || frame.length === 0 || frame.length > 2) return false
  return frame.every((part) => part instanceof Uint8Array)
}

function byteLengthOf(frame: readonly Uint8Array[]): Bytes {
  let bytes = 0
  for (const part of frame) bytes += part.byteLength
  return bytes
}
