import type { Bytes } from '../../base/units.ts'
import { note } from '../../socketio/override.ts'
import type { Ws } from '../../socketio/ws.ts'

interface PendingWs extends Pick<Ws, 'bufferedAmount'> {
  [kPending]?: Bytes
}

const kPending = Symbol('spillway.pending')

/**
 * Adds bytes to the `bufferedAmount` of a WebSocket, by which applications pace themselves: those that
 * were written past its socket's stream and that the kernel has not taken. Leaves the WebSocket as it
 * was when there are none.
 */
export function showPending(ws: PendingWs, bytes: Bytes): void {
  const own = Reflect.getOwnPropertyDescriptor(ws, 'bufferedAmount')
  if (bytes > 0) {
    note(ws, kPending, bytes)
    if (!own) Reflect.defineProperty(ws, 'bufferedAmount', { get: bufferedAmount, ...HIDDEN })
  } else {
    Reflect.deleteProperty(ws, kPending)
    if (own?.get === bufferedAmount) Reflect.deleteProperty(ws, 'bufferedAmount')
  }
}

/** Whether `bufferedAmount` includes pending bytes; not where somebody else has replaced it. */
export function showsPending(ws: PendingWs): boolean {
  return Reflect.getOwnPropertyDescriptor(ws, 'bufferedAmount')?.get === bufferedAmount
}

const HIDDEN = { configurable: true, enumerable: false }

function bufferedAmount(this: PendingWs): Bytes {
  const inStream: Bytes = Reflect.get(Object.getPrototypeOf(this), 'bufferedAmount', this)
  return inStream + (this[kPending] ?? 0)
}
