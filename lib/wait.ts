import type { ClientStats } from '../schemas/stats.ts'
import type { Channel } from './channel.ts'
import type { Millis } from './units.ts'

/** How long a message of each class that is emitted now would wait before it leaves. */
export function waitOf({ window, critical, cosmetic }: Channel, now: Millis): ClientStats['wait'] {
  const { rate } = window.path
  if (rate === undefined) return { critical: null, cosmetic: null }
  const path = window.queueDelay(now) + critical.bytes / rate
  return { critical: path, cosmetic: path + cosmetic.bytes / rate }
}
