import type { Bytes, Millis } from '../base/units.ts'
import { type EncodedPart, frameBytes, framesOf, isFramable } from './frame.ts'
import type { HeldBytes, Shared } from './held-bytes.ts'
import { BUFFER_COST, memoryOf } from './memory-costs.ts'
import type { Rule } from './rule.ts'

/**
 * Options of Engine.IO's `write`, as Socket.IO made them. All recipients share one object, which
 * never changes.
 */
export interface WriteOptions {
  readonly compress?: boolean
  readonly volatile?: boolean
  readonly wsPreEncodedFrame?: readonly Uint8Array[]
}

/**
 * Engine.IO's object for one part of a message, as the public `writeBuffer` of a connection shows
 * it.
 */
export interface EnginePacket {
  readonly type: 'message'
  readonly options: WriteOptions
  readonly data: EncodedPart
}

/** Kinds of Socket.IO packets that are treated differently; `other`: acks and errors. */
export type PacketKind = 'event' | 'connect' | 'disconnect' | 'other'

/**
 * One encoded message with its class, size and conflation key. An emit makes one envelope, which the
 * queues of all recipients share; the content is immutable.
 */
export class Envelope implements Shared {
  readonly rule: Rule
  readonly kind: PacketKind
  readonly namespace: string
  /** Name of the event as it was emitted; undefined for packets that are no events. */
  readonly event: string | undefined
  readonly parts: readonly EncodedPart[]
  readonly options: WriteOptions | undefined
  /** Size on the wire of each part, WebSocket frame header included; `bytes` is the sum. */
  readonly sizes: readonly Bytes[]
  readonly bytes: Bytes
  readonly key: string | undefined
  readonly emittedAt: Millis
  /**
   * Whether connection state recovery sends the message a second time, to a client that
   * reconnected.
   */
  readonly isReplay: boolean
  /** The Socket.IO id that a CONNECT packet tells its client. */
  readonly sid: string | undefined
  /** Engine.IO's callback of a write. Socket.IO passes none; only direct calls of `conn.write` do. */
  readonly callback: (() => void) | undefined
  /** Whether this library can encode the WebSocket frames. Otherwise Engine.IO encodes them. */
  readonly framable: boolean
  #holders = 0
  #charged: Bytes = 0
  #heldBytes: HeldBytes | undefined
  #weight: Bytes | undefined
  readonly #bare: (() => readonly EncodedPart[]) | undefined
  /** The frame that Socket.IO encoded in advance for a broadcast (`wsPreEncodedFrame`), if usable. */
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
    // Engine.IO would write the pre-encoded frame once per part, so it fits messages of one part only
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
   * The version to queue where later messages may overtake it: without the recovery offset, since a
   * client that reconnects with an old offset would be sent those later messages again. The first read
   * has to be in the tick of the emit: it encodes the payload, which the application may change later.
   */
  get overtakable(): Envelope {
    if (!this.#bare) return this
    this.#overtakable ??= new Envelope(
      { ...this, bare: undefined, parts: this.#bare() },
      bareOptions(this.options),
    )
    return this.#overtakable
  }

  /** The WebSocket frames of all parts in one buffer, shared by all recipients and immutable. */
  get frames(): Buffer {
    if (!this.#frames) {
      this.#frames = this.#given
        ? Buffer.concat(this.#given, this.bytes)
        : framesOf(this.parts, this.bytes)
      this.#heldBytes?.charge(this)
    }
    return this.#frames
  }

  /** One Engine.IO packet per part, shared by all recipients and immutable. */
  get packets(): readonly EnginePacket[] {
    const options = this.options ?? UNCOMPRESSED
    this.#packets ??= this.parts.map((data) => ({ type: 'message', options, data }))
    return this.#packets
  }

  /** Estimated memory of the envelope without its frames. Constant. */
  get weight(): Bytes {
    this.#weight ??= memoryOf(this.parts, this.options?.wsPreEncodedFrame, this.key)
    return this.#weight
  }

  get cost(): Bytes {
    return this.#frames ? this.weight + BUFFER_COST + this.bytes : this.weight
  }

  // Bookkeeping of `HeldBytes`: the only mutable fields.

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

  /** @param maxAge applies to messages whose annotation has none */
  expired(now: Millis, maxAge: Millis): boolean {
    return now - this.emittedAt > (this.rule.maxAge ?? maxAge)
  }
}

const UNCOMPRESSED: WriteOptions = { compress: false }

/** Everything that an envelope is made of but Engine.IO's options. */
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
  /** Encodes the message without its recovery offset; undefined if it has none or has to keep it. */
  readonly bare?: (() => readonly EncodedPart[]) | undefined
}

/**
 * Explicit values of the optional fields: a missing own field would be looked up in
 * `Object.prototype`.
 */
export const NO_FIELDS = {
  event: undefined,
  key: undefined,
  isReplay: false,
  sid: undefined,
  bare: undefined,
} as const satisfies Partial<EnvelopeFields>

/** Options without the pre-encoded frame, which contains the recovery offset. */
function bareOptions(options: WriteOptions | undefined): WriteOptions | undefined {
  if (!options?.wsPreEncodedFrame) return options
  const { wsPreEncodedFrame, ...rest } = options
  return rest
}

/** Whether `ws` writes the whole frame: it accepts one buffer, or a header and a payload. */
function isWritable(frame: WriteOptions['wsPreEncodedFrame']): boolean {
  if (!Array.isArray(frame) || frame.length === 0 || frame.length > 2) return false
  return frame.every((part) => part instanceof Uint8Array)
}

function byteLengthOf(frame: readonly Uint8Array[]): Bytes {
  let bytes = 0
  for (const part of frame) bytes += part.byteLength
  return bytes
}
