import type { Bytes } from '../base/units.ts'
import type { EncodedPart } from './frame.ts'

/**
 * Estimated memory of messages and queue entries. `spec/message/memory-costs.spec.ts` compares the
 * estimates with the heap. Measured on Node 20; other versions differ by a few percent.
 */

/** An envelope with its arrays and options, without its parts. */
const ENVELOPE: Bytes = 350
/** The header of a string, and the rope (V8's concatenation tree) that the encoder built it from. */
const TEXT: Bytes = 40
/** A `Buffer` object without its bytes. */
export const BUFFER_COST: Bytes = 150
/** A conflation key without its characters. */
const KEY: Bytes = 40
/** The entry of a message in a lane. */
export const LANE_PLACE: Bytes = 80
/** The entry in a lane of a message that has a conflation key. */
export const KEYED_PLACE: Bytes = 128
/**
 * A Socket.IO socket that has left its namespace, handshake included, without what an application
 * adds.
 */
export const LEFT_SOCKET: Bytes = 2000
/** A pending write in Node's stream or libuv's queue, without its bytes. */
export const WRITE_PLACE: Bytes = 200

/**
 * Estimated memory of one encoded message.
 *
 * @param preEncoded the frame that Socket.IO encodes in advance for a broadcast
 */
export function memoryOf(
  parts: readonly EncodedPart[],
  preEncoded: readonly Uint8Array[] | undefined,
  key: string | undefined,
): Bytes {
  let bytes = ENVELOPE
  for (const part of parts) bytes += memoryOfPart(part)
  for (const { byteLength } of preEncoded ?? []) bytes += BUFFER_COST + byteLength
  if (key !== undefined) bytes += KEY + charactersOf(key)
  return bytes
}

function memoryOfPart(part: EncodedPart): Bytes {
  return typeof part === 'string' ? TEXT + charactersOf(part) : BUFFER_COST + part.byteLength
}

/** Memory of a string's characters: V8 stores one byte each, or two each if any is above U+00FF. */
function charactersOf(text: string): Bytes {
  return /[\u0100-\uffff]/.test(text) ? 2 * text.length : text.length
}
