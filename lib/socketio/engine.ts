import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Bytes } from '../base/units.ts'
import type { WriteOptions } from '../message/envelope.ts'
import { type EncodedPart, frameBytes } from '../message/frame.ts'

/**
 * The parts of Engine.IO's connection that are used. Its types don't cover them all, so each use has
 * a check at run time.
 */
export interface EngineSocket extends EventEmitter {
  readonly id: string
  readonly protocol: number
  readonly readyState: string
  readonly upgrading?: boolean
  readonly upgraded?: boolean
  readonly request: IncomingMessage | undefined
  readonly remoteAddress: string | undefined
  readonly transport: EngineTransport
  readonly server: EngineServer
  /** Packets that wait for the transport. A flush replaces it by an empty array. */
  writeBuffer?: unknown[]
  /** Callbacks for packets that the transport has: functions, or arrays of those of a batch. */
  readonly sentCallbackFn?: readonly unknown[]
  write: EngineWrite
  send: EngineWrite
  close(discard?: boolean): void
  closeTransport?: (discard: boolean) => void
  flush?: () => void
}

export type EngineWrite = (
  this: EngineSocket,
  data: EncodedPart,
  options?: WriteOptions | (() => void),
  callback?: () => void,
) => EngineSocket

export interface EngineTransport extends EventEmitter {
  readonly name: string
  /** Whether nothing is being sent. Messages with the flag `volatile` are dropped while it is not set. */
  writable: boolean
  /** Whether the client takes binary frames; it may have asked for base64. */
  readonly supportsBinary?: boolean
  readonly discarded?: boolean
  readonly readyState?: string
  close?(...args: unknown[]): void
  /** Polling, private to Engine.IO: ends the connection, once the client is told to close. */
  shouldClose?: (() => void) | null
}

export interface EngineServer extends EventEmitter {
  readonly clients: Record<string, EngineSocket>
  readonly opts?: {
    readonly perMessageDeflate?: unknown
    readonly pingInterval?: number
    readonly path?: string
    readonly upgradeTimeout?: number
  }
}

/**
 * The name of the event that tells that a transport can take more. Before Engine.IO 6.6 that is
 * `drain`, which also tells that packets were sent.
 *
 * @param transport with Engine.IO's own listeners
 */
export function readyEventOf(transport: EngineTransport): 'ready' | 'drain' {
  return transport.listenerCount('ready') > 0 ? 'ready' : 'drain'
}

/** The kernel socket of a WebSocket; undefined where the WebSocket is not of `ws`. */
export function kernelSocketOf(transport: EngineTransport): object | undefined {
  const { socket } = transport as { readonly socket?: { readonly _socket?: object | null } }
  return socket?._socket ?? undefined
}

/** Ends a connection at once, and drops what it holds back. */
export function discard(conn: EngineSocket): void {
  conn.close(true)
  // before Engine.IO 6.6 a close waits for what is buffered
  if (conn.readyState === 'closing') conn.closeTransport?.(true)
  // polling, closing already: it would wait up to 30 s for a poll
  if (conn.readyState === 'closing') conn.transport.shouldClose?.()
}

/** Bytes of the packets in a connection's write buffer. */
export function bytesHeldBack({ writeBuffer }: EngineSocket): Bytes {
  let bytes = 0
  for (const packet of writeBuffer ?? []) {
    const { data } = packet as { readonly data?: EncodedPart }
    if (data !== undefined) bytes += frameBytes(data)
  }
  return bytes
}

/** Names what a connection lacks that the plugin needs, if anything. */
export function missingFeature(conn: EngineSocket): string | undefined {
  if (typeof conn.write !== 'function') return 'conn.write()'
  if (typeof conn.close !== 'function') return 'conn.close()'
  if (typeof conn.transport?.on !== 'function') return 'conn.transport'
  return undefined
}
