import type { EventEmitter } from 'node:events'
import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Duplex } from 'node:stream'
import type { Clock } from '../base/clock.ts'
import type { RefusalReason } from '../base/outcomes.ts'
import type { Millis } from '../base/units.ts'
import { PacedQueue } from '../loop/paced-queue.ts'
import { replaceMethod } from '../socketio/override.ts'
import type { Admission } from './admission.ts'

/** The public methods of an Engine.IO server that receive handshakes. */
interface GuardedEngine {
  handleRequest(request: EngineRequest, response: ServerResponse): unknown
  handleUpgrade(request: EngineRequest, socket: Duplex, head: Buffer): unknown
  readonly opts?: { readonly cors?: unknown }
}

interface EngineRequest extends IncomingMessage {
  /** The parsed query, if the application has set it. */
  readonly _query?: Readonly<Record<string, unknown>>
}

interface GuardedServer extends EventEmitter {
  readonly _nsps?: ReadonlyMap<string, object>
}

/** A Socket.IO socket that asks to connect to a namespace. */
interface Asking {
  readonly conn: EventEmitter & { readonly remoteAddress?: string }
}

type Middleware = (socket: Asking, next: (error?: Error) => void) => void

/**
 * Refuses the handshakes that the admission does not admit, with status 503: in the two methods to
 * which an HTTP server passes requests, before Engine.IO and its middlewares, and at the first CONNECT
 * of an open connection. Requests of connected clients pass.
 *
 * Handshakes are queued and processed for a few milliseconds per turn of the event loop: a refusal
 * costs 40 us, so 5,000 of them in one turn would delay everybody else's messages by 200 ms.
 */
export class Handshakes {
  readonly #io: GuardedServer
  readonly #admission: Admission
  /** Whether a connection has a Socket.IO socket in any namespace. */
  readonly #isConnected: (conn: object) => boolean
  readonly #engines = new Set<GuardedEngine>()
  /** Functions that restore the engines' methods. */
  #restores: Array<(() => void) | undefined> = []
  readonly #queue: PacedQueue
  #guarding = false
  /** CONNECTs postponed until their connection closes. */
  readonly #postponed = new WeakMap<object, Array<() => void>>()

  constructor(
    io: GuardedServer,
    admission: Admission,
    isConnected: (conn: object) => boolean,
    clock: Clock,
  ) {
    this.#io = io
    this.#admission = admission
    this.#isConnected = isConnected
    this.#queue = new PacedQueue(clock)
  }

  /** Patches the engines and adds a middleware to all namespaces, until `close`. */
  guard(engines: Iterable<object>): void {
    if (this.#guarding) return
    this.#guarding = true
    for (const engine of engines) this.add(engine)
    for (const namespace of this.#io._nsps?.values() ?? []) this.#onNamespace(namespace)
    this.#io.on('new_namespace', this.#onNamespace)
  }

  /** Patches a further engine of the server. */
  add(engine: object): void {
    if (!this.#guarding || !isGuardable(engine) || this.#engines.has(engine)) return
    this.#engines.add(engine)
    const ofRequests = replaceMethod(engine, 'handleRequest', (handle) => (request, response) => {
      if (!isHandshake(request)) return handle(request, response)
      this.#queue.add((waited) => {
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
        // an 'error' without a listener would end the process while the handshake is queued
        socket.on('error', ignore)
        this.#queue.add((waited) => {
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

  /** Restores the engines' methods and removes the middleware. */
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
    // Socket.IO's client retries after a closed connection, but not after an error
    if (reason === 'shutdown' && this.#postpone(conn, next)) return
    next(overloaded(retryAfter))
  }

  /**
   * Postpones a CONNECT until the connection closes; Socket.IO then discards the socket. Uses one
   * listener per connection, however many namespaces its client asks for.
   *
   * @returns false if the client already has `MOST_POSTPONED` postponed CONNECTs
   */
  #postpone(conn: EventEmitter, next: () => void): boolean {
    const known = this.#postponed.get(conn)
    if (known) return known.length < MOST_POSTPONED && known.push(next) > 0
    const first = [next]
    this.#postponed.set(conn, first)
    conn.once('close', () => {
      for (const each of first) each()
    })
    return true
  }
}

/**
 * A text that identifies the user behind a handshake, as nearly as possible: many users may share one
 * address. The headers are unverified, so nobody is admitted because of them.
 *
 * @param address has to be given where the socket is closed and has none
 */
export function whoAsks(
  { headers, socket }: IncomingMessage,
  address = socket.remoteAddress,
): string {
  return [address, headers['x-forwarded-for'], headers['user-agent']].join(' ')
}

/** Most CONNECTs of one connection that a shutdown postpones. */
const MOST_POSTPONED = 100

/**
 * The error that refuses a CONNECT: message and data, which Socket.IO sends to the client. It has no
 * stack, whose capture would be the largest cost of a refusal.
 */
function overloaded(retryAfter: Millis): Error {
  const error: Error = Object.create(Error.prototype)
  return Object.assign(error, { message: 'server overloaded', data: { retryAfter } })
}

const BODY = JSON.stringify({ message: 'Service Unavailable' })

/** Whether an engine has the two methods; those for other runtimes, such as Bun, may not. */
function isGuardable(engine: object): engine is GuardedEngine {
  return ['handleRequest', 'handleUpgrade'].every(
    (name) => typeof Reflect.get(engine, name) === 'function',
  )
}

/** Whether a request opens a new session. Others belong to an open one, or Engine.IO refuses them. */
function isHandshake({ method, url = '', _query }: EngineRequest): boolean {
  if (method !== 'GET') return false
  const query = _query ?? Object.fromEntries(new URL(url, 'http://localhost').searchParams)
  return !query.sid
}

/** CORS headers, so that pages of all origins can read `Retry-After`; the answer has no secrets. */
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

/** Writes the 503 to a raw socket. The caller has an 'error' listener on it. */
function answer(socket: Duplex, headers: Readonly<Record<string, string | number>>): void {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`)
  // unread data would turn the close into a TCP reset, which discards the answer
  socket.resume()
  socket.end(`HTTP/1.1 503 Service Unavailable\r\n${lines.join('')}\r\n${BODY}`, () =>
    socket.destroy(),
  )
}
