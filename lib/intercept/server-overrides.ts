import { refuse, verbatim } from '../base/errors.ts'
import type { EncodedPart } from '../message/frame.ts'
import type { EngineServer } from '../socketio/engine.ts'
import { replaceMethod } from '../socketio/override.ts'
import type { Packet } from '../socketio/packet.ts'
import { type TappedServer, unsupportedEngine } from '../socketio/server.ts'
import { checkUpgradePath, pathOf } from '../socketio/upgrade-path.ts'
import { replaceEncode } from './encoder.ts'

/** Is told what a Socket.IO server does. */
export interface ServerTap {
  /**
   * A packet is to be encoded.
   *
   * @param encode the parser's, for a copy of the parts
   * @returns what Socket.IO is to write
   */
  encode(packet: Packet, encode: (packet: Packet) => EncodedPart[]): EncodedPart[]
  /** The server is to be bound to an engine, of which it has no connection yet. */
  bind(engine: EngineServer): void
}

/**
 * Replaces those methods of a server by which it sends, or gets another engine.
 *
 * @param restores gets what puts each method back, also if the next can't be replaced
 * @throws SpillwayError SPILLWAY_NOT_SOCKET_IO if a method can't be replaced
 */
export function overrideServer(
  io: TappedServer,
  tap: ServerTap,
  restores: Array<() => void>,
): void {
  const add = (name: string, restore: (() => void) | undefined) => {
    if (!restore) throw unsupportedMethod(name)
    restores.push(restore)
  }
  add(
    'io.encoder.encode',
    replaceEncode(io, (encode) => (packet) => tap.encode(packet, (each) => partsOf(encode(each)))),
  )
  add(
    'io.bind',
    replaceMethod(io, 'bind', (bind) => (engine) => {
      tap.bind(engine)
      return bind(engine)
    }),
  )
  const attach = replaceMethod(io, 'attach', (attach) => (http, options) => {
    checkUpgradePath('io.attach()', http, io.opts?.path || options?.path || pathOf(io))
    return attach(http, options)
  })
  // it is a check only
  if (attach) restores.push(attach)
  add(
    'io.attachApp',
    replaceMethod(io, 'attachApp', () => () => {
      throw unsupportedEngine('io.attachApp()')
    }),
  )
}

/** A copy, since a parser may use its array again; Socket.IO takes a single part without one too. */
function partsOf(encoded: EncodedPart[] | EncodedPart): EncodedPart[] {
  return Array.isArray(encoded) ? encoded.slice() : [encoded]
}

function unsupportedMethod(path: string): Error {
  const given = verbatim('a method that does not let itself be replaced')
  return refuse('SPILLWAY_NOT_SOCKET_IO', path, given, 'a writable property')
}
