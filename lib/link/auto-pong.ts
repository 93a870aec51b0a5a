import type { Bytes } from '../units.ts'

/** The parts of a `ws` WebSocket by which it answers a client's pings. */
export interface PongingWs {
  readonly bufferedAmount: number
  on?: (event: 'ping', listener: (payload: unknown) => void) => void
  off?: (event: 'ping', listener: (payload: unknown) => void) => void
  pong?: (payload: Buffer, mask: boolean, callback: () => void) => void
  /** Private to `ws`; optional here. */
  _autoPong?: boolean
  [kLatest]?: Latest
}

/** What is still to be answered of a client that takes nothing. */
interface Latest {
  payload: Buffer | undefined
  isUnderWay: boolean
}

const kLatest = Symbol('spillway.pongs')
/**
 * Answers of some bytes each take hundreds in memory, and a client that reads nothing may ask for
 * any number. While so much waits, one answer at a time is under way, to the latest ping, as
 * RFC 6455 section 5.5.3 allows.
 */
const MOST_WAITING: Bytes = 1024

export function guardPongs(ws: PongingWs): void {
  ws.on?.('ping', onPing)
}

export function unguardPongs(ws: PongingWs): void {
  ws.off?.('ping', onPing)
  if (ws[kLatest]) unmute(ws)
}

// One function for all connections, so that an idle one costs no closure.

function onPing(this: PongingWs, payload: unknown): void {
  if (!Buffer.isBuffer(payload)) return
  const latest = this[kLatest]
  if (latest) {
    latest.payload = payload
    if (!latest.isUnderWay) answer(this, latest)
  } else if (this._autoPong === true && this.bufferedAmount > MOST_WAITING) {
    // `ws` has answered this one
    this._autoPong = false
    this[kLatest] = { payload: undefined, isUnderWay: false }
  }
}

function answer(ws: PongingWs, latest: Latest): void {
  const { payload } = latest
  latest.payload = undefined
  latest.isUnderWay = payload !== undefined
  if (payload) ws.pong?.(payload, false, () => answer(ws, latest))
  else if (ws[kLatest] === latest) unmute(ws)
}

function unmute(ws: PongingWs): void {
  delete ws[kLatest]
  ws._autoPong = true
}
