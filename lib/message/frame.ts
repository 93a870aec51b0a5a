import type { Bytes } from '../base/units.ts'

/**
 * Encodes WebSocket frames as a server writes them: unmasked, uncompressed, unfragmented (RFC 6455
 * section 5.2). Header and payload are in one buffer, since two buffers cost a `writev`.
 */

/** One element of an encoder's output: the header of a packet, or one of its attachments. */
export type EncodedPart = string | Uint8Array

/** Whether this module can frame a part: a text, a view of bytes, or an `ArrayBuffer`. */
export function isFramable(part: unknown): boolean {
  return typeof part === 'string' || ArrayBuffer.isView(part) || part instanceof ArrayBuffer
}

const TEXT = 0x81
const BINARY = 0x82
const PING = 0x89
/** `4`, Engine.IO's type character of a text message. */
const MESSAGE = 0x34

/** Size of the frame of one part. A text counts one byte more, for Engine.IO's type character. */
export function frameBytes(part: EncodedPart): Bytes {
  const payload = payloadBytes(part)
  return payload + headerBytes(payload)
}

/** The frames of all parts in one buffer, in order. */
export function framesOf(parts: readonly EncodedPart[], bytes: Bytes): Buffer {
  const frames = Buffer.allocUnsafe(bytes)
  let at = 0
  for (const part of parts) {
    const text = typeof part === 'string'
    at = writeHeader(frames, at, text ? TEXT : BINARY, payloadBytes(part))
    if (text) {
      frames[at++] = MESSAGE
      at += frames.write(part, at)
    } else {
      const bytes = bytesOf(part)
      frames.set(bytes, at)
      at += bytes.byteLength
    }
  }
  return frames
}

/**
 * The frame of a WebSocket ping.
 *
 * @param payload at most 125 bytes (RFC 6455 section 5.5)
 */
export function pingOf(payload: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(2 + payload.byteLength)
  frame.set(payload, writeHeader(frame, 0, PING, payload.byteLength))
  return frame
}

function payloadBytes(part: EncodedPart): Bytes {
  if (typeof part === 'string') return Buffer.byteLength(part) + 1
  // Engine.IO sends any other value as a text, and a falsy one as an empty text
  return isFramable(part) ? part.byteLength : Buffer.byteLength(String(part || '')) + 1
}

/**
 * The raw bytes of an attachment, which may also be a typed array of wider elements or a bare
 * buffer.
 */
function bytesOf(part: Uint8Array): Uint8Array {
  if (part instanceof Uint8Array) return part
  const given = part as ArrayBufferView | ArrayBuffer
  return ArrayBuffer.isView(given)
    ? new Uint8Array(given.buffer, given.byteOffset, given.byteLength)
    : new Uint8Array(given)
}

/** Size of a frame header: 2 bytes, 4 from 126 bytes of payload on, 10 from 64 KiB on. */
function headerBytes(payload: Bytes): Bytes {
  return payload < 126 ? 2 : payload < 65_536 ? 4 : 10
}

/** @returns the offset of the payload */
function writeHeader(frame: Buffer, at: number, firstByte: number, payload: Bytes): number {
  frame[at] = firstByte
  switch (headerBytes(payload)) {
    case 2:
      frame[at + 1] = payload
      return at + 2
    case 4:
      frame[at + 1] = 126
      return frame.writeUInt16BE(payload, at + 2)
    default:
      frame[at + 1] = 127
      return frame.writeBigUInt64BE(BigInt(payload), at + 2)
  }
}
