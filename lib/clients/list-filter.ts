import type { ListQuery } from '../../schemas/stats.ts'
import type { Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'

/** Whether a client matches the filters of a listing. */
export function isListed(channel: Channel, query: ListQuery, now: Millis): boolean {
  const { congested, losing, state, namespace, room } = query
  if (losing !== undefined && channel.isLosing(now) !== losing) return false
  if (congested !== undefined && channel.congested !== congested) return false
  if (state !== undefined && channel.state(now) !== state) return false
  if (namespace === undefined && room === undefined) return true
  if (namespace !== undefined) {
    const socket = channel.sockets.connectedIn(namespace)
    return socket !== undefined && (room === undefined || socket.rooms.has(room))
  }
  for (const { rooms } of channel.sockets.connected()) if (rooms.has(room!)) return true
  return false
}
