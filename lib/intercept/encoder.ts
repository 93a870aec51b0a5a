import type { EncodedPart } from '../message/frame.ts'
import { replaceMethod } from '../socketio/override.ts'
import type { Packet } from '../socketio/packet.ts'

type Encode = (packet: Packet) => EncodedPart[]

interface Encoder {
  encode: Encode
}

/** An object that has taken Socket.IO's encoder when it was made. */
interface Holder {
  encoder?: unknown
}

/** A Socket.IO server, and those of its parts that have its encoder. */
interface EncodingServer extends Holder {
  readonly encoder: Encoder
  readonly _nsps?: ReadonlyMap<
    string,
    {
      readonly adapter: object
      readonly sockets: ReadonlyMap<string, object>
    }
  >
}

/**
 * Replaces the `encode` of a server's encoder. A frozen encoder, as a parser may have, stays as it is:
 * an object that inherits from it takes its place.
 *
 * @param make gets the original, and returns what is to be called in its place
 * @returns a function that puts it back; `undefined` if it can't be replaced
 */
export function replaceEncode(
  server: EncodingServer,
  make: (encode: Encode) => Encode,
): (() => void) | undefined {
  return replaceMethod(server.encoder, 'encode', make) ?? standIn(server, make)
}

function standIn(
  server: EncodingServer,
  make: (encode: Encode) => Encode,
): (() => void) | undefined {
  const { encoder } = server
  const original: Encode = (packet) => encoder.encode(packet)
  let current = make(original)
  const encode: Encode = (packet) => current(packet)
  const substitute = Object.create(encoder, {
    encode: { value: encode, writable: true, configurable: true },
  }) as Encoder
  swap(server, encoder, substitute)
  if (server.encoder !== substitute) return undefined
  return () => {
    current = original
    // the wrapper of somebody else stays
    if (substitute.encode === encode) swap(server, substitute, encoder)
  }
}

function swap(server: EncodingServer, from: Encoder, to: Encoder): void {
  for (const holder of holdersOf(server)) {
    if (holder.encoder === from) Reflect.set(holder, 'encoder', to)
  }
}

function* holdersOf(server: EncodingServer): Generator<Holder> {
  yield server
  for (const { adapter, sockets } of server._nsps?.values() ?? []) {
    yield adapter
    for (const socket of sockets.values()) {
      const client: unknown = Reflect.get(socket, 'client')
      if (typeof client === 'object' && client !== null) yield client
    }
  }
}
