import { randomBytes, randomFillSync } from 'node:crypto'
import type { Bytes } from '../base/units.ts'

/**
 * The payloads of delivery markers: a tag of this process, and a random token of the one marker.
 * Only a client that has read a marker can answer it: 64 random bits can't be guessed. The tag tells
 * markers from the application's own pings, and is no secret.
 */

/** A marker that was written and has no answer yet. `next` was written after it. */
export interface OpenMarker {
  readonly sequence: number
  readonly token: string
  next: OpenMarker | undefined
}

/**
 * What a pong answers: no marker of this process, a marker that is not open (or was never written),
 * or an open one.
 */
export type MarkerAnswer = 'foreign' | 'unasked' | OpenMarker

const TAG = randomBytes(4)
const TOKEN: Bytes = 8
/** In a payload. */
const LENGTH: Bytes = TAG.length + TOKEN
/** Of a marker on the wire: a ping has two bytes before its payload (RFC 6455 section 5.2). */
export const MARKER_BYTES: Bytes = 2 + LENGTH
/** Random bytes drawn at once, since each draw costs microseconds. */
const POOL: Bytes = 1024 * TOKEN
const pool = Buffer.allocUnsafeSlow(POOL)
let used = POOL

export function makeMarker(sequence: number): OpenMarker {
  if (used === POOL) {
    randomFillSync(pool)
    used = 0
  }
  const token = pool.toString('latin1', used, used + TOKEN)
  used += TOKEN
  return { sequence, token, next: undefined }
}

export function payloadOf({ token }: OpenMarker): Buffer {
  const payload = Buffer.allocUnsafe(LENGTH)
  payload.set(TAG)
  payload.write(token, TAG.length, 'latin1')
  return payload
}

/**
 * Finds the marker that a pong answers.
 *
 * @param oldest of the open markers; they are few
 */
export function answerOf(payload: unknown, oldest: OpenMarker | undefined): MarkerAnswer {
  // an application may emit the event too, with anything
  if (!Buffer.isBuffer(payload) || payload.length !== LENGTH) return 'foreign'
  if (TAG.compare(payload, 0, TAG.length) !== 0) return 'foreign'
  const token = payload.toString('latin1', TAG.length)
  for (let marker = oldest; marker; marker = marker.next) {
    if (marker.token === token) return marker
  }
  return 'unasked'
}
