import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import type { RefusalReason } from '../base/outcomes.ts'
import type { Millis } from '../base/units.ts'
import { PacedQueue } from '../loop/paced-queue.ts'
import { replaceMethod } from '../socketio/override.ts'
import type { Admission } from './admission.ts'

/** The parts of an Engine.IO server that a client comes in by. Both methods are public. */
interface GuardedEngine {
  handleRequest(request: EngineRequest, response: ServerResponse): unknown
  handleUpgrade(request: EngineRequest, socket: Duplex, head: Buffer): unknown
  readonly opts?: { readonly cors?: unknown }
}

interface EngineRequest extends IncomingMessage {
  /** Set before, if the application has parsed the URL. */
  readonly _query?: Readonly<Record<string, unknown>>
}

interface GuardedServer extends EventEmitter {
  readonly _nsps?: ReadonlyMap<string, object>
}

/** A Socket.IO socket that asks for a namespace. */
interface Asking {
  readonly conn: EventEmitter & { readonly remoteAddress?: string }
}

type Middleware = (socket: Asking, next: (error?: Error) => void) => void

/**
 * Asks the admission for everyone who wants to connect, where they come in: at the two methods to
 * which an HTTP server hands over requests, before Engine.IO and its middlewares do anything, and at
 * the first CONNECT of a connection that is open already. Refuses nobody who is connected.
 *
 * Handshakes are handled, and refused, a few milliseconds a turn of the event loop: a refusal costs
 * 40 us, so that 5,000 in one turn would hold everybody else's messages for 200 ms.
 */
export class Handshakes {
  readonly #io: GuardedServer
  readonly #admission: Admission
  /** Whether a connection has a Socket.IO socket. */
  readonly #isConnected: (conn: object) => boolean
  readonly #engines = new Set<GuardedEngine>()
  /** What gives the engines their own methods back. */
  #restores: Array<(() => void) | undefined> = []
  readonly #pace: PacedQueue
  #guarding = false
  /** What goes on when a connection closes. */
  readonly #heldBack = new WeakMap<object, Array<() => void>>()

  constructor(
    io: GuardedServer,
    admission: Admission,
    isConnected: (conn: object) => boolean,
    clock: Clock,
  ) {
    this.#io = io
    this.#admission = admission
    this.#isConnected = isConnected
    this.#pace = new PacedQueue(clock)
  }

  /** Guards the server until `close`. */
  guard(engines: Iterable<object>): void {
    if (this.#guarding) return
    this.#guarding = true
    for (const engine of engines) this.add(engine)
    for (const namespace of this.#io._nsps?.values() ?? []) this.#onNamespace(namespace)
    this.#io.on('new_namespace', this.#onNamespace)
  }

  /** The server has another engine. */
  add(engine: object): void {
    if (!this.#guarding || !isGuardable(engine) || this.#engines.has(engine)) return
    this.#engines.add(engine)
    const ofRequests = replaceMethod(engine, 'handleRequest', (handle) => (request, response) => {
      if (!isHandshake(request)) return handle(request, response)
      this.#pace.add((waited) => {
        if (response.destroyed) return
        const reason = this.#refusal(waited, request)
        if (reason === undefined) return handle(request, response)
        const headers = this.#refuse(reason, request)
        response.writeHead(503, { ...headers, ...corsOf(engine, request) }).end(BODY)
      })
    })
    const ofUpgrades = replaceMethod(
      engine,
      'handleUpgrade',
      (handle) => (request, socket, head) => {
        if (!isHandshake(request)) return handle(request, socket, head)
        // until its turn nobody listens
        socket.on('error', ignore)
        this.#pace.add((waited) => {
          if (socket.destroyed) return
          const reason = this.#refusal(waited, request)
          if (reason !== undefined) return answer(socket, this.#refuse(reason, request))
          socket.off('error', ignore)
          handle(request, socket, head)
        })
      },
    )
    this.#restores.push(ofRequests, ofUpgrades)
  }

  /** Gives the server its own methods back. */
  close(): void {
    if (!this.#guarding) return
    this.#guarding = false
    for (const restore of this.#restores.splice(0)) restore?.()
    this.#engines.clear()
    this.#io.off('new_namespace', this.#onNamespace)
    for (const namespace of this.#io._nsps?.values() ?? []) {
      const middlewares: unknown = Reflect.get(namespace, '_fns')
      if (!Array.isArray(middlewares) || Object.isFrozen(middlewares)) continue
      const index = middlewares.indexOf(this.#onConnect)
      if (index >= 0) middlewares.splice(index, 1)
    }
  }

  #refusal(waited: Millis, request: IncomingMessage): RefusalReason | undefined {
    return this.#guarding ? this.#admission.refusalAfter(waited, whoAsks(request)) : undefined
  }

  #refuse(reason: RefusalReason, request: IncomingMessage): Record<string, string | number> {
    const address = request.socket.remoteAddress ?? null
    const retryAfter = this.#admission.refuse(reason, address, whoAsks(request))
    return {
      'Retry-After': Math.ceil(retryAfter / 1000),
      'Content-Type': 'application/json',
      'Content-Length': BODY.length,
      Connection: 'close',
    }
  }

  readonly #onNamespace = (namespace: object): void => {
    ;(namespace as { use(middleware: Middleware): unknown }).use(this.#onConnect)
  }

  readonly #onConnect: Middleware = ({ conn }, next) => {
    const reason = this.#guarding && !this.#isConnected(conn) ? this.#admission.refusal : undefined
    if (reason === undefined) return next()
    const retryAfter = this.#admission.refuse(reason, conn.remoteAddress ?? null)
    // a client does not come back by itself after an error; but it does when its connection closes
    if (reason === 'shutdown' && this.#holdBack(conn, next)) return
    next(overloaded(retryAfter))
  }

  /**
   * Goes on only when the connection closes, so that Socket.IO lets go of the socket. One listener a
   * connection, however often its client asks.
   *
   * @returns whether it is held back; a client that asks without end is not
   */
  #holdBack(conn: EventEmitter, next: () => void): boolean {
    const held = this.#heldBack.get(conn)
    if (held) return held.length < MOST_ASKED && held.push(next) > 0
    const first = [next]
    this.#heldBack.set(conn, first)
    conn.once('close', () => {
      for (const each of first) each()
    })
    return true
  }
}

/**
 * Whom a handshake comes from, as nearly as is known: many may come from one address. Nothing is
 * believed of it that would let anybody in.
 *
 * @param address where the socket has none any more
 */
export function whoAsks(
  { headers, socket }: IncomingMessage,
  address = socket.remoteAddress,
): string {
  return [address, headers['x-forwarded-for'], headers['user-agent']].join(' ')
}

/** Namespaces that one client asks for during a shutdown and gets no answer for. */
const MOST_ASKED = 100

/**
 * What Socket.IO reads of an error: its message and data. Without a stack, which costs more than all
 * else where a client asks again and again.
 */
function overloaded(retryAfter: Millis): Error {
  const error: Error = Object.create(Error.prototype)
  return Object.assign(error, { message: 'server overloaded', data: { retryAfter } })
}

const BODY = JSON.stringify({ message: 'Service Unavailable' })

/** Engines for other runtimes have other methods of these names, or none. */
function isGuardable(engine: object): engine is GuardedEngine {
  return ['handleRequest', 'handleUpgrade'].every(
    (name) => typeof Reflect.get(engine, name) === 'function',
  )
}

/** Everything else belongs to a client that is connected, or is refused by Engine.IO. */
function isHandshake({ method, url = '', _query }: EngineRequest): boolean {
  if (method !== 'GET') return false
  const query = _query ?? Object.fromEntries(new URL(url, 'http://localhost').searchParams)
  return !query.sid
}

/** An empty answer tells no secret, so that a page of any origin may read when to come again. */
function corsOf({ opts }: GuardedEngine, request: IncomingMessage): Record<string, string> {
  const { origin } = request.headers
  if (!opts?.cors || origin === undefined || !/^[\x21-\x7e]+$/.test(origin)) return {}
  return {
    'Access-Control-Allow-Origin': origin,
    'Access-Control-Allow-Credentials': 'true',
    'Access-Control-Expose-Headers': 'Retry-After',
    Vary: 'Origin',
  }
}

function ignore(): void {}

/** Its errors are ignored already. */
function answer(socket: Duplex, headers: Readonly<Record<string, string | number>>): void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  // what is left unread would make a reset of the close, which overtakes the answer
  socket.resume()
  socket.end(`HTTP/1.1 503 Service Unavailable\r\n${lines.join('')}\r\n${BODY}`, () =>
    socket.destroy(),
  )
}
