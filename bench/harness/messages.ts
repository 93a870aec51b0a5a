import { z } from 'zod'
import { cosmetic, critical } from '../../lib/index.ts'

/** Both classes have the same shape, and names of the same length. */
const shape = { seq: z.int(), sentAt: z.number(), pad: z.string() }

export const messages = {
  critical: critical(z.object(shape)),
  cosmetic: cosmetic(z.object(shape)),
}

export type Payload = z.infer<typeof messages.critical>
export type MessageClass = keyof typeof messages

/** A message that is so many bytes long in its WebSocket frame. */
export function payloadOf(seq: number, bytes: number): Payload {
  const sentAt = Date.now()
  const frame = `42${JSON.stringify(['critical', { seq, sentAt, pad: '' }])}`
  return { seq, sentAt, pad: 'x'.repeat(bytes - frame.length) }
}
