import type { EventEmitter } from 'node:events'
import type { IncomingMessage } from 'node:http'
import type { Bytes } from '../base/units.ts'
import type { WriteOptions } from '../message/envelope.ts'
import { type EncodedPart, frameBytes } from '../message/frame.ts'

/**
 * The parts of Engine.IO 6 on which links rely. Its types don't cover them, so each use has a
 * check at run time.
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
  /** Replaced by an empty one when it is flushed. */
  writeBuffer?: unknown[]
  /** Callbacks of what the transport has: functions, or those of a whole batch. */
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
  /** Whether nothing is being sent; `volatile` looks at it. */
  writable: boolean
  /** Whether the client takes binary frames; it may have asked for base64. */
  readonly supportsBinary?: boolean
  readonly discarded?: boolean
  readonly readyState?: string
  close?(...args: unknown[]): void
  /** Polling: ends the connection, when the client is told. */
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
 * The event that tells that a transport can take more. Before Engine.IO 6.6 there is one event for
 * this and for what was sent.
 *
 * @param transport one that Engine.IO listens to
 */
export function readyEventOf(transport: EngineTransport): 'ready' | 'drain' {
  return transport.listenerCount('ready') > 0 ? 'ready' : 'drain'
}

/** The socket below a WebSocket; private to `ws`, and of others unknown. */
export function kernelSocketOf(transport: EngineTransport): object | undefined {
  const { socket } = transport as { readonly socket?: { readonly _socket?: object | null } }
  return socket?._socket ?? undefined
}

/** Ends a connection at once. */
export function discard(conn: EngineSocket): void {
  conn.close(true)
  // before Engine.IO 6.6 it waits for what is still buffered
  if (conn.readyState === 'closing') conn.closeTransport?.(true)
  // it was closing already, and waits half a minute for a poll that it can end
  if (conn.readyState === 'closing') conn.transport.shouldClose?.()
}

/** Bytes that a connection holds back until its transport can take more. */
export function bytesHeldBack({ writeBuffer }: EngineSocket): Bytes {
  let bytes = 0
  for (const packet of writeBuffer ?? []) {
    const { data } = packet as { readonly data?: EncodedPart }
    if (data !== undefined) bytes += frameBytes(data)
  }
  return bytes
}

/** What is wrong with a value that should be an Engine.IO connection, if anything. */
export function missingFeature(conn: EngineSocket): string | undefined {
  if (typeof conn.write !== 'function') return 'conn.write()'
  if (typeof conn.close !== 'function') return 'conn.close()'
  if (typeof conn.transport?.on !== 'function') return 'conn.transport'
  return undefined
}
