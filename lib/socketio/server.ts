import type { EventEmitter } from 'node:events'
import { refuse } from '../base/errors.ts'
import type { WriteOptions } from '../message/envelope.ts'
import type { EncodedPart } from '../message/frame.ts'
import type { NamespaceSocket } from '../telemetry/client-identity.ts'
import type { EngineServer, EngineSocket } from './engine.ts'
import type { Packet } from './packet.ts'

/** The parts of a Socket.IO server on which this package relies. */
export interface TappedServer extends EventEmitter {
  readonly engine?: EngineServer
  readonly encoder: { encode: (packet: Packet) => EncodedPart[] }
  readonly opts?: {
    readonly connectionStateRecovery?: unknown
    readonly perMessageDeflate?: unknown
    /** Goes before that of `attach`. */
    readonly path?: string
  }
  path?(): string
  readonly httpServer?: unknown
  /** Private to Socket.IO; optional here and only read. */
  readonly _nsps?: ReadonlyMap<string, TappedNamespace>
  attach(http: unknown, options?: { readonly path?: string }): unknown
  bind(engine: EngineServer): unknown
  attachApp(...args: unknown[]): unknown
}

interface TappedNamespace {
  /** By id. */
  readonly sockets: ReadonlyMap<string, ConnectedSocket>
  readonly adapter: TappedAdapter & RecoveryAdapter
}

/** A Socket.IO socket; all of this is public, unless it is said. */
export interface ConnectedSocket extends NamespaceSocket {
  readonly conn: object
  /** Private to Socket.IO: the answers that are waited for, by id. */
  readonly acks?: Map<number, unknown>
  /** `issued` is in milliseconds since 1970. */
  readonly handshake: { readonly issued: number }
}

/** A Socket.IO socket, as its adapter knows it. */
export interface AdapterSocket {
  readonly conn: object
  /** Private to Socket.IO; optional here. */
  readonly _anyOutgoingListeners?: { readonly length: number } | undefined
}

/**
 * Socket.IO's in-memory adapter, on which those for several nodes build. Private to it; optional
 * here. A broadcast, also one that comes from another node, is encoded by `_encode`, and at once
 * written to each socket that `apply` finds.
 */
export interface TappedAdapter {
  readonly nsp?: { readonly name: string }
  broadcast?: (packet: Packet, ...rest: unknown[]) => unknown
  broadcastWithAck?: (packet: Packet, ...rest: unknown[]) => unknown
  _encode?: (packet: Packet, options: WriteOptions) => EncodedPart[]
  apply?: (target: object, callback: (socket: AdapterSocket) => void) => void
}

/** A packet that Socket.IO's in-memory adapter keeps for clients that come back. */
export interface StoredPacket {
  readonly id: string
  data: unknown
  /** Who it was for. */
  opts: { readonly rooms: ReadonlySet<unknown>; readonly except: ReadonlySet<unknown> }
  emittedAt: number
}

/** What an adapter keeps for clients that come back. Private to it; optional here. */
export interface RecoveryAdapter {
  readonly packets?: StoredPacket[]
}

/** @throws SpillwayError if a value is no Socket.IO server, or one whose engine is not Engine.IO's */
export function checkSocketIo(io: unknown): TappedServer {
  const server = io as TappedServer
  const looksRight =
    typeof io === 'object' &&
    io !== null &&
    ['of', 'on', 'off', 'bind'].every((name) => typeof Reflect.get(io, name) === 'function') &&
    typeof server.encoder?.encode === 'function'
  if (!looksRight) {
    throw refuse('SPILLWAY_NOT_SOCKET_IO', 'io', io, 'a Server of socket.io 4.7 or later')
  }
  if (isForeign(server.engine)) throw unsupportedEngine('io.engine')
  return server
}

/** The sockets of each connection, in all namespaces. */
export function socketsByConn(io: TappedServer): Map<object, ConnectedSocket[]> {
  const byConn = new Map<object, ConnectedSocket[]>()
  for (const { sockets } of io._nsps?.values() ?? []) {
    for (const socket of sockets.values()) {
      const known = byConn.get(socket.conn)
      if (known) known.push(socket)
      else byConn.set(socket.conn, [socket])
    }
  }
  return byConn
}

/** Clients of protocol 3 are not told an id: Socket.IO derives it from the connection's. */
export function legacyId(conn: EngineSocket, namespace: string): string {
  return namespace === '/' ? conn.id : `${namespace}#${conn.id}`
}

/** Engine.IO's server for uWebSockets.js; the names of classes are lost in a minified bundle. */
export function isForeign(engine: EngineServer | undefined): boolean {
  return engine !== undefined && 'abortRequest' in engine
}

export function unsupportedEngine(path: string): Error {
  return refuse(
    'SPILLWAY_UNSUPPORTED_ENGINE',
    path,
    'uWebSockets.js',
    'Socket.IO on a Node HTTP server; uWebSockets.js publishes past every per-client queue',
  )
}
