import type { EngineSocket } from '../socketio/engine.ts'
import { note, Override } from '../socketio/override.ts'
import { hasOwnFlush } from '../socketio/send-path.ts'

/** Is told what Engine.IO tells of one connection. */
export interface ConnectionListener {
  /** Engine.IO has given its write buffer to the transport, which proves nothing more. */
  drained(): void
  /** The connection has another transport. */
  upgraded(): void
  /** Protocol 4: the client has answered a heartbeat. Protocol 3: it has sent one. */
  heartbeat(): void
  /** The connection is gone; Socket.IO has not told its sockets yet. */
  closed(): void
  /** Whether Engine.IO's `flush` is to do nothing now. */
  readonly holdsFlush: boolean
}

const kListener = Symbol('spillway.link')

interface ListenedSocket extends EngineSocket {
  [kListener]?: ConnectionListener | undefined
}

/** Tells a listener of all but `drained`, for which `listenForDrain` asks. */
export function listenTo(conn: ListenedSocket, listener: ConnectionListener): void {
  note(conn, kListener, listener)
  conn.on('heartbeat', onHeartbeat)
  // first, also where Socket.IO listens already
  conn.prependListener('close', onClose)
  // of a WebSocket too: Engine.IO lets a client replace one by another
  conn.on('upgrade', onUpgrade)
}

/** Apart from `listenTo`: most clients are never sent anything through Engine.IO's write buffer. */
export function listenForDrain(conn: ListenedSocket): void {
  conn.on('drain', onDrain)
}

export function stopListening(conn: ListenedSocket): void {
  conn.off('drain', onDrain)
  conn.off('heartbeat', onHeartbeat)
  conn.off('close', onClose)
  conn.off('upgrade', onUpgrade)
  Reflect.deleteProperty(conn, kListener)
}

/**
 * Tells whoever waits for a connection's `drain`, as Engine.IO does after a write only. Tells nobody
 * while Engine.IO holds something back, since it will tell then.
 *
 * @param followed whether `listenForDrain` was called
 */
export function tellDrained(conn: EngineSocket, followed: boolean): void {
  if (conn.readyState !== 'open' || (conn.writeBuffer?.length ?? 0) > 0) return
  if (conn.listenerCount('drain') > (followed ? 1 : 0)) conn.emit('drain')
  const { server } = conn
  if (server?.listenerCount?.('drain') > 0) server.emit('drain', conn)
}

/**
 * Has `flush` do nothing while the connection's listener says so.
 *
 * @returns whether it does; not where somebody has replaced `flush`, which may do more than that
 */
export function holdFlush(conn: ListenedSocket): boolean {
  return hasOwnFlush(conn) && heldFlush.install(conn)
}

/** Undoes `holdFlush`, and flushes. */
export function releaseFlush(conn: ListenedSocket): void {
  heldFlush.restore(conn)
  conn.flush?.()
}

// One function for all connections, so that an idle one costs no closure.

const heldFlush = new Override<ListenedSocket, 'flush'>('flush', function (this: ListenedSocket) {
  if (!this[kListener]?.holdsFlush) Reflect.apply(heldFlush.original(this), this, [])
})

function onDrain(this: ListenedSocket): void {
  this[kListener]?.drained()
}

function onUpgrade(this: ListenedSocket): void {
  this[kListener]?.upgraded()
}

function onHeartbeat(this: ListenedSocket): void {
  this[kListener]?.heartbeat()
}

function onClose(this: ListenedSocket): void {
  this[kListener]?.closed()
}
