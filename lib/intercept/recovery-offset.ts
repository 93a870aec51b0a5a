import type { Verdict } from '../classify/classifier.ts'
import type { Packet } from '../socketio/packet.ts'
import type { RecoveryAdapter, StoredPacket } from '../socketio/server.ts'

/** The target of a stored packet that no client is sent again. */
const NOBODY: StoredPacket['opts'] = { rooms: new Set([Symbol('nobody')]), except: new Set() }

/**
 * Removes a cosmetic packet that is being broadcast from the adapter's store, so that the store grows
 * with critical packets only. The packet gets the offset of the stored packet before it, which every
 * recipient was sent too. That stored packet is kept for as long as the removed one would have been,
 * so that a client is recognised though nothing critical was sent for long.
 *
 * @returns the packet with the other offset; undefined if it has to keep its own
 */
export function forget(packet: Packet, adapter: RecoveryAdapter | undefined): Packet | undefined {
  const packets = adapter?.packets
  const stored = Array.isArray(packets) ? packets.at(-1) : undefined
  if (!packets || !stored || stored.data !== packet.data) return undefined
  const before = packets.at(-2)
  if (!before) {
    stored.data = []
    stored.opts = NOBODY
    return undefined
  }
  packets.pop()
  before.emittedAt = stored.emittedAt
  const data = packet.data as readonly unknown[]
  return { ...packet, data: [...data.slice(0, -1), before.id] }
}

/**
 * Copies an event without its offset. With connection state recovery, events end with an offset, and
 * a client that comes back is sent what follows its latest one. A cosmetic message that has waited may
 * arrive after critical ones that were emitted later, and its offset would have these sent again. A
 * client takes any text in the last place for an offset, so a null follows such a text.
 *
 * @returns undefined if there is no offset
 */
export function withoutOffset(packet: Packet, { arity }: Verdict): Packet | undefined {
  const data = packet.data as readonly unknown[]
  if (packet.id !== undefined || data.length - 1 <= arity) return undefined
  if (typeof data.at(-1) !== 'string') return undefined
  const rest = data.slice(0, -1)
  return { ...packet, data: typeof rest.at(-1) === 'string' ? [...rest, null] : rest }
}
