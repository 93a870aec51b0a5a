import { type EncodedPart, frameBytes, framesOf, isFramable } from './frame.ts'
import type { Shared } from './ledger.ts'
import type { Rule } from './rule.ts'
import type { Bytes, Millis } from './units.ts'

/** Options of Engine.IO's `write`, as the emitter made them: shared, passed on, never changed. */
export interface WriteOptions {
  readonly compress?: boolean
  readonly volatile?: boolean
  readonly wsPreEncodedFrame?: readonly Uint8Array[]
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
  /** The Socket.IO id that a CONNECT packet tells its client. */
  readonly sid: string | undefined
  /** Engine.IO's callback; only code that writes past Socket.IO passes one. */
  readonly callback: (() => void) | undefined
  /** Whether `frames` can be had; the rest is Engine.IO's. */
  readonly framable: boolean
  holders = 0
  #frames: Buffer | undefined

  constructor(fields: EnvelopeFields, options?: WriteOptions, callback?: () => void) {
    this.rule = fields.rule
    this.kind = fields.kind
    this.namespace = fields.namespace
    this.event = fields.event
    this.parts = fields.parts
    this.sizes = fields.parts.map(frameBytes)
    this.framable = fields.parts.every(isFramable)
    let bytes = 0
    for (const size of this.sizes) bytes += size
    this.bytes = bytes
    this.key = fields.key
    this.emittedAt = fields.emittedAt
    this.sid = fields.sid
    this.options = options
    this.callback = callback
  }

  /** What a WebSocket carries; shared, never changed. */
  get frames(): Buffer {
    this.#frames ??= framesOf(this.parts, this.bytes)
    return this.#frames
  }

  /** @param maxAge where the annotation does not say */
  expired(now: Millis, maxAge: Millis): boolean {
    return now - this.emittedAt > (this.rule.maxAge ?? maxAge)
  }
}

export interface EnvelopeFields {
  readonly rule: Rule
  readonly kind: PacketKind
  readonly namespace: string
  readonly event?: string | undefined
  readonly parts: readonly EncodedPart[]
  readonly key?: string | undefined
  readonly emittedAt: Millis
  readonly sid?: string | undefined
}
