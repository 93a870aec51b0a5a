import type { Bytes } from '../../base/units.ts'
import type { Ws } from '../../socketio/ws.ts'

interface PongingWs extends Pick<Ws, 'bufferedAmount' | 'pong' | '_autoPong'> {
  [kLatest]?: Latest
}

/** Pings of a client whose answers wait in user space. */
interface Latest {
  payload: Buffer | undefined
  isUnderWay: boolean
}

const kLatest = Symbol('spillway.pongs')
/**
 * Bytes that wait for the kernel before answers are joined. A pong of a few bytes takes hundreds in
 * memory, and a client that reads nothing may ask for any number: above this, one pong at a time is
 * under way, for the latest ping (RFC 6455 section 5.5.3 allows that).
 */
const MOST_WAITING: Bytes = 1024

/**
 * To be called for each ping of a client, after `ws` has answered it (or not: see `_autoPong`).
 *
 * @param plain whether each ping is answered, as without the plugin
 */
export function pinged(ws: PongingWs, payload: unknown, plain: boolean): void {
  if (!Buffer.isBuffer(payload)) return
  const latest = ws[kLatest]
  if (latest && plain) {
    // the mode has changed since `ws` was told not to answer
    answerAll(ws, latest, payload)
  } else if (latest) {
    latest.payload = payload
    if (!latest.isUnderWay) answer(ws, latest)
  } else if (!plain && ws._autoPong === true && ws.bufferedAmount > MOST_WAITING) {
    ws._autoPong = false
    ws[kLatest] = { payload: undefined, isUnderWay: false }
  }
}

/** Has `ws` answer every ping again. */
export function unguardPongs(ws: PongingWs): void {
  if (ws[kLatest]) unmute(ws)
}

function answerAll(ws: PongingWs, latest: Latest, payload: Buffer): void {
  unmute(ws)
  const before = latest.payload
  latest.payload = undefined
  if (before) ws.pong?.(before, false, noop)
  ws.pong?.(payload, false, noop)
}

function answer(ws: PongingWs, latest: Latest): void {
  const { payload } = latest
  latest.payload = undefined
  latest.isUnderWay = payload !== undefined
  if (payload) ws.pong?.(payload, false, () => answer(ws, latest))
  else if (ws[kLatest] === latest) unmute(ws)
}

function noop(): void {}

function unmute(ws: PongingWs): void {
  delete ws[kLatest]
  ws._autoPong = true
}
