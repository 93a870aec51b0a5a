import type { Bytes } from '../base/units.ts'
import type { EncodedPart } from './frame.ts'

/**
 * What things take in memory: estimates, held against the heap by `spec/message/memory-costs.spec.ts`. Measured on
 * Node 20; other versions differ by a few percent.
 */

/** An envelope with its arrays and options, without its parts. */
const ENVELOPE: Bytes = 350
/** The header of a text, and the rope that its encoder has left. */
const TEXT: Bytes = 40
/** A `Buffer` without its bytes. */
export const BUFFER_COST: Bytes = 150
/** A conflation key without its characters. */
const KEY: Bytes = 40
/** The place of a message in a lane. */
export const LANE_PLACE: Bytes = 80
/** The same of one that can be conflated. */
export const KEYED_PLACE: Bytes = 128
/** A Socket.IO socket that has left its namespace, with its handshake; an application may add to it. */
export const LEFT_SOCKET: Bytes = 2000
/** A write that is under way, in Node's stream or libuv's queue, without its bytes. */
export const WRITE_PLACE: Bytes = 200

/**
 * @param preEncoded the frame that Socket.IO encodes in advance for a broadcast
 * @returns the memory of one encoded message
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

/** V8 takes one byte a character up to U+00FF, and two for all if one is above. */
function charactersOf(text: string): Bytes {
  return /[\u0100-\uffff]/.test(text) ? 2 * text.length : text.length
}
