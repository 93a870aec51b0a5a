import type { Verdict } from '../classify/classifier.ts'
import type { Packet } from '../socketio/packet.ts'
import type { RecoveryAdapter, StoredPacket } from '../socketio/server.ts'

/** For a packet that nobody is sent again. */
const NOBODY: StoredPacket['opts'] = { rooms: new Set([Symbol('nobody')]), except: new Set() }

/**
 * Takes a cosmetic packet that is being broadcast out of the adapter's store, which grows with
 * what is critical only. The packet gets the offset of what the store has kept before it: whoever
 * has received the one has been sent the other. That entry is kept for as long as the packet would
 * have been, so that a client is known again though nothing critical was sent for long.
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
 * With connection state recovery, events end with an offset, from which on a client that comes back
 * is sent what it missed. A cosmetic message that waits may arrive after critical ones that were
 * emitted later, and its offset would have these sent again; so it goes without. A client takes any
 * text in the last place for an offset.
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
