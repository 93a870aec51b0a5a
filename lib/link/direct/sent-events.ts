import type { FrameBatch } from '../../message/frame-batch.ts'
import type { EngineSocket, EngineTransport } from '../../socketio/engine.ts'

/**
 * Listeners of Engine.IO for its transport's `drain` and `ready`: one for each, before 6.6 two for
 * the former.
 */
const ENGINES = 2

/**
 * Whether an application waits for a transport to have sent something.
 *
 * @param ours how many listeners the plugin has for `drain` and `ready`
 */
export function isAwaited(transport: EngineTransport, ours: number): boolean {
  const listeners = transport.listenerCount('drain') + transport.listenerCount('ready')
  return listeners !== ENGINES + ours
}

/**
 * Tells what Engine.IO's transport tells when it has sent a batch.
 *
 * @param isFree whether the transport can take more then
 */
export function tellSent(transport: EngineTransport, isFree: boolean): void {
  // before Engine.IO 6.6 there is no `ready`, and it is writable before it tells
  const isEarly = transport.listenerCount('ready') === 0
  if (isFree && isEarly) transport.writable = true
  transport.emit('drain')
  if (isFree && !isEarly) transport.writable = true
  transport.emit('ready')
}

/** Tells what Engine.IO tells when it has given a batch to a transport, and nothing is left. */
export function tellFlushed(conn: EngineSocket, batch: FrameBatch): void {
  const { server } = conn
  if (conn.listenerCount('flush') + server.listenerCount('flush') > 0) {
    const { packets } = batch
    conn.emit('flush', packets)
    server.emit('flush', conn, packets)
  }
  conn.emit('drain')
  server.emit('drain', conn)
}
