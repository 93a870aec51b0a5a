import type { IncomingMessage } from 'node:http'
import type { Duplex } from 'node:stream'
import type { EngineServer } from '../socketio/engine.ts'

interface EngineRequest extends IncomingMessage {
  readonly _query?: { readonly sid?: string; readonly transport?: string }
}

/**
 * Kernel sockets of WebSockets that are no client's transport: upgrades under way, and those that
 * Engine.IO has refused or given up, which `ws` keeps for up to 30 s until they answer the close.
 */
export class StraySockets {
  /** Each with the session that it was opened for, if it named one. */
  readonly #sockets = new Map<Duplex, string | undefined>()
  readonly #onHeaders: (headers: unknown, request: EngineRequest) => void
  readonly #onClose: (this: Duplex) => void
  readonly #engines = new Set<EngineServer>()
  /** Called when one of them is closed. */
  readonly #onGone: () => void

  constructor(onGone: () => void) {
    this.#onGone = onGone
    const strays = this
    this.#onHeaders = (_headers, request) => this.#add(request)
    this.#onClose = function () {
      strays.#remove(this)
    }
  }

  get size(): number {
    return this.#sockets.size
  }

  /** Watches the WebSockets that a server accepts, until `close`. */
  watch(engine: EngineServer): void {
    if (this.#engines.has(engine)) return
    this.#engines.add(engine)
    engine.on('headers', this.#onHeaders)
  }

  /** Removes the socket of a client that has upgraded: it is the client's transport now. */
  claim(session: string, socket: object | undefined): void {
    for (const [stray, opener] of this.#sockets) {
      if (opener === session && stray === socket) this.#remove(stray)
    }
  }

  /** Destroys the sockets that were opened for a session. */
  endOf(session: string): void {
    for (const [stray, opener] of this.#sockets) if (opener === session) stray.destroy()
  }

  endAll(): void {
    for (const stray of this.#sockets.keys()) stray.destroy()
  }

  close(): void {
    for (const engine of this.#engines) engine.off('headers', this.#onHeaders)
    this.#engines.clear()
    for (const stray of this.#sockets.keys()) stray.off('close', this.#onClose)
    this.#sockets.clear()
  }

  /** @param request of an event that applications may emit too, with anything */
  #add(request: Partial<EngineRequest> | undefined): void {
    const { headers, socket, _query } = request ?? {}
    if (!headers || !socket) return
    const { sid, transport } = _query ?? {}
    // without an upgrade it is a poll; without a session a handshake, which makes a client
    if (headers.upgrade === undefined || (sid === undefined && transport === 'websocket')) return
    if (socket.destroyed || this.#sockets.has(socket)) return
    this.#sockets.set(socket, sid)
    socket.on('close', this.#onClose)
  }

  #remove(stray: Duplex): void {
    stray.off('close', this.#onClose)
    if (this.#sockets.delete(stray)) this.#onGone()
  }
}
