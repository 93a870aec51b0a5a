import { connect, type Socket } from 'node:net'
import { SOCKET_IO_PATH, upgradeRequest } from './handshake.ts'
import { type Heard, WireReader } from './wire.ts'

/** A connection of one client: bare TCP, and on it the handshake of a WebSocket. */

const SLOW_BYTES = 2048
const SLOW_EVERY_MS = (1000 * SLOW_BYTES) / 10_240

/** All that read at once share it: nothing of it is kept. */
const shared = Buffer.allocUnsafe(65_536)

const slow = new Set<Socket>()
setInterval(() => {
  for (const socket of slow) socket.resume()
}, SLOW_EVERY_MS).unref()

export interface LineOptions {
  readonly host: string
  readonly port: number
  readonly heard: Heard
  readonly userAgent?: string
  /** It reads 10 KB a second. */
  readonly isSlow?: boolean
  /** Asked after each read: whether it goes on reading. */
  readonly reads?: () => boolean
}

export function openLine({
  host,
  port,
  heard,
  userAgent,
  isSlow = false,
  reads,
}: LineOptions): Socket {
  const reader = new WireReader(heard)
  const buffer = isSlow ? Buffer.allocUnsafe(SLOW_BYTES) : shared
  const socket = connect({
    host,
    port,
    noDelay: true,
    onread: {
      buffer,
      callback: (length) => {
        reader.read(buffer.subarray(0, length))
        return !isSlow && (reads?.() ?? true)
      },
    },
  })
  socket.write(upgradeRequest(SOCKET_IO_PATH, userAgent))
  if (isSlow) slow.add(socket)
  socket.on('error', () => {})
  socket.once('close', () => slow.delete(socket))
  return socket
}
