import { setTimeout as sleep } from 'node:timers/promises'
import { type MessageClass, type Payload, payloadOf } from './messages.ts'

const EVERY_MS = 500
/** Every so many messages one is critical: every 2 seconds. */
const CRITICAL_EVERY = 4

/** How many messages of each class were sent. */
export type Sent = Record<MessageClass, number>

/**
 * The load of a casino's lobby: a message every 500 ms, every fourth of them critical, each class
 * numbered from 1. None is left out because the loop was late.
 *
 * @param send called for each message
 */
export async function lobbyLoad(
  { seconds, bytes }: { readonly seconds: number; readonly bytes: number },
  send: (type: MessageClass, payload: Payload) => void,
): Promise<Sent> {
  const sent: Sent = { critical: 0, cosmetic: 0 }
  const startedAt = performance.now()
  for (let n = 1; n * EVERY_MS <= seconds * 1000; n++) {
    const type = n % CRITICAL_EVERY === 0 ? 'critical' : 'cosmetic'
    send(type, payloadOf(++sent[type], bytes))
    await sleep(Math.max(0, startedAt + n * EVERY_MS - performance.now()))
  }
  return sent
}
