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
    /** Takes precedence over the path given to `attach`. */
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

/** A Socket.IO socket. */
export interface ConnectedSocket extends NamespaceSocket {
  readonly conn: object
  /** Private to Socket.IO: callbacks of emits that wait for an acknowledgement, by id. */
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
 * Socket.IO's in-memory adapter, which adapters for several nodes extend. A broadcast, from here or
 * from another node, is encoded by `_encode`, and then written to each socket that `apply` finds, in
 * the same synchronous call. Private to the adapter; optional here.
 */
export interface TappedAdapter {
  readonly nsp?: { readonly name: string }
  broadcast?: (packet: Packet, ...rest: unknown[]) => unknown
  broadcastWithAck?: (packet: Packet, ...rest: unknown[]) => unknown
  _encode?: (packet: Packet, options: WriteOptions) => EncodedPart[]
  apply?: (target: object, callback: (socket: AdapterSocket) => void) => void
}

/** A packet that Socket.IO's in-memory adapter stores for connection state recovery. */
export interface StoredPacket {
  readonly id: string
  data: unknown
  /** The rooms that it was for. */
  opts: { readonly rooms: ReadonlySet<unknown>; readonly except: ReadonlySet<unknown> }
  emittedAt: number
}

/** An adapter's store for connection state recovery. Private to the adapter; optional here. */
export interface RecoveryAdapter {
  readonly packets?: StoredPacket[]
}

/**
 * Checks a value that should be a Socket.IO server.
 *
 * @throws SpillwayError SPILLWAY_NOT_SOCKET_IO; SPILLWAY_UNSUPPORTED_ENGINE if it runs on uWebSockets.js
 */
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

/** The id of a socket of a protocol 3 client, which no packet names: derived from the connection's. */
export function legacyId(conn: EngineSocket, namespace: string): string {
  return namespace === '/' ? conn.id : `${namespace}#${conn.id}`
}

/** Whether it is Engine.IO's server for uWebSockets.js. Not by its class's name, which minifiers change. */
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
