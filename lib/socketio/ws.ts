import { EventEmitter } from 'node:events'
import type { EngineSocket, EngineTransport } from './engine.ts'
import type { KernelSocket } from './kernel-socket.ts'

/**
 * The parts of a `ws` WebSocket that are used; those that begin with `_` are private to `ws`. Engine.IO
 * takes other makes of WebSocket too, so each use has a check at run time.
 */
export interface Ws {
  readonly bufferedAmount: number
  readonly readyState?: number
  /** Those agreed on with the client; empty if there are none. */
  readonly extensions?: unknown
  send?(...args: unknown[]): void
  close?: (...args: unknown[]) => void
  terminate(): void
  on?: (event: 'ping' | 'pong', listener: (payload: unknown) => void) => void
  once?: (event: 'close', listener: () => void) => void
  off?: (event: 'ping' | 'pong', listener: (payload: unknown) => void) => void
  ping?: (payload: Buffer) => void
  pong?: (payload: Buffer, mask: boolean, callback: () => void) => void
  /** Whether it answers pings. */
  _autoPong?: boolean
  /** Whether the client has closed. */
  readonly _closeFrameReceived?: boolean
  /** Engine.IO uses it too, for frames that Socket.IO has encoded. */
  readonly _sender?: { readonly sendFrame?: unknown }
  readonly _socket?: KernelSocket | null
}

/** A `readyState` of a WebSocket. */
export const OPEN = 1
/** A `readyState` of a WebSocket: its kernel socket is closed. */
export const CLOSED = 3

/** Engine.IO's transport over a WebSocket. */
export interface WebSocketTransport extends EngineTransport {
  readonly socket: Ws
  /** Private to Engine.IO, made for each transport; not before 6.6. */
  readonly _doSend?: unknown
  readonly _doSendLast?: unknown
  readonly _onSent?: unknown
  readonly _onSentLast?: unknown
}

/** A transport whose WebSocket has a kernel socket. */
export interface BareTransport extends WebSocketTransport {
  readonly socket: Ws & { readonly _socket: KernelSocket }
}

/** Whether a transport's frames can be counted and its WebSocket be ended. */
export function isWebSocket(transport: EngineTransport): transport is WebSocketTransport {
  const { socket } = transport as Partial<WebSocketTransport>
  return typeof socket?.bufferedAmount === 'number' && typeof socket.terminate === 'function'
}

/**
 * Whether a connection's packets become frames that its kernel socket is given unchanged: neither
 * compressed nor encrypted, nor in base64, by methods that are as expected.
 */
export function isBare(conn: EngineSocket, transport: EngineTransport): transport is BareTransport {
  const { socket: ws } = transport as Partial<WebSocketTransport>
  const socket = ws?._socket
  return (
    conn.protocol === 4 &&
    Array.isArray(conn.writeBuffer) &&
    typeof conn.flush === 'function' &&
    typeof conn.listenerCount === 'function' &&
    conn.server instanceof EventEmitter &&
    typeof transport.writable === 'boolean' &&
    // to others Engine.IO writes bytes as base64
    transport.supportsBinary !== false &&
    typeof ws?.readyState === 'number' &&
    typeof ws._sender?.sendFrame === 'function' &&
    ws.extensions === '' &&
    typeof socket?.write === 'function' &&
    typeof socket.cork === 'function' &&
    socket.encrypted !== true
  )
}
