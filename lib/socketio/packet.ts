import type { PacketKind } from '../message/envelope.ts'

/** A Socket.IO packet, as the encoder gets it. */
export interface Packet {
  readonly type: number
  readonly nsp: string
  readonly data?: unknown
  readonly id?: number
}

/** Types of packets in socket.io-protocol 5. Parsers may encode binary events as EVENT too. */
const CONNECT = 0
const DISCONNECT = 1
const EVENT = 2
const BINARY_EVENT = 5

/** The name and the arguments of an event; undefined for other packets. */
export function eventOf({ type, data }: Packet): readonly unknown[] | undefined {
  const isEvent = type === EVENT || type === BINARY_EVENT
  return isEvent && Array.isArray(data) ? data : undefined
}

/** The kind of a packet that is no event. */
export function kindOf({ type }: Packet): PacketKind {
  if (type === CONNECT) return 'connect'
  return type === DISCONNECT ? 'disconnect' : 'other'
}

/** The id of the Socket.IO socket that a CONNECT packet names. */
export function connectedAs(packet: Packet): string | undefined {
  if (packet.type !== CONNECT) return undefined
  const sid = (packet.data as { sid?: unknown } | undefined)?.sid
  return typeof sid === 'string' ? sid : undefined
}
