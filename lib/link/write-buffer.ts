import type { Envelope } from '../message/envelope.ts'
import type { FrameBatch } from '../message/frame-batch.ts'
import type { EngineSocket } from '../socketio/engine.ts'

/**
 * Engine.IO's write buffer of a connection whose messages are written past Engine.IO. Until a batch
 * is written, the buffer shows those of its packets that Engine.IO would hold back: applications look
 * there, and `flush` may be called at any time.
 *
 * All of these functions are for a connection that has a write buffer.
 */

/** Shows the last `count` packets of a message that was added to a batch. */
export function showPackets({ writeBuffer }: EngineSocket, { packets }: Envelope, count: number) {
  for (let index = packets.length - count; index < packets.length; index++) {
    writeBuffer!.push(packets[index])
  }
}

/** Whether the packets of a batch are still there, as far as they were shown; if not, they were flushed. */
export function showsBatch({ writeBuffer }: EngineSocket, { heldBack, envelope }: FrameBatch) {
  return heldBack === 0 || writeBuffer![heldBack - 1] === envelope.packets.at(-1)
}

/** Takes out the packets of a batch that is to be written past Engine.IO. */
export function hideBatch(conn: EngineSocket, { heldBack }: FrameBatch): void {
  if (heldBack === 0) return
  const { length } = conn.writeBuffer!
  // Engine.IO's own packets, such as a heartbeat, may have come behind
  conn.writeBuffer = length > heldBack ? conn.writeBuffer!.slice(heldBack) : []
}

/** Adds what Engine.IO would have sent at once of a batch, which it is to send now. */
export function returnFirst({ writeBuffer }: EngineSocket, batch: FrameBatch): void {
  if (!batch.isHeldBack) writeBuffer!.unshift(batch.first)
}
