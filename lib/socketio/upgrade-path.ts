import type { EventEmitter } from 'node:events'
import { refuse, verbatim } from '../base/errors.ts'
import { replaceMethod } from './override.ts'

/** The parts of a Socket.IO server that tell its path and its HTTP server. */
export interface PathServer {
  path?(): string
  readonly httpServer?: unknown
  readonly engine?: Engine
}

interface Engine {
  readonly opts?: { readonly path?: string }
  readonly handleUpgrade?: (...args: never[]) => unknown
}

/**
 * Refuses an HTTP server on which another Socket.IO server takes the WebSocket requests to a path.
 * Both would upgrade the same request, and the first such request would end the process.
 *
 * @param where the call or option that is refused
 * @param http the server; any other value passes
 * @param path of Socket.IO, such as `/socket.io`
 * @param own the engine whose own listener is not taken for another's
 * @throws SpillwayError SPILLWAY_PATH_TAKEN
 */
export function checkUpgradePath(where: string, http: unknown, path: string, own?: Engine): void {
  if (!isEmitter(http) || !isTaken(http, path, own)) return
  throw refuse(
    'SPILLWAY_PATH_TAKEN',
    where,
    verbatim(`an HTTP server on which another Socket.IO server takes ${path || '/'}`),
    'one Socket.IO server for each path of an HTTP server; share it, or give it another `path`',
  )
}

/**
 * As `checkUpgradePath`, for a Socket.IO server that may have an HTTP server already.
 *
 * @throws SpillwayError SPILLWAY_PATH_TAKEN
 */
export function checkOwnUpgradePath(where: string, io: PathServer): void {
  const { engine } = io
  if (engine) checkUpgradePath(where, io.httpServer, engine.opts?.path || pathOf(io), engine)
}

export function pathOf(io: PathServer): string {
  return io.path?.() ?? '/socket.io'
}

function isEmitter(value: unknown): value is Pick<EventEmitter, 'listeners'> {
  return (
    typeof value === 'object' &&
    value !== null &&
    typeof Reflect.get(value, 'listeners') === 'function'
  )
}

/** Does not call methods of the own engine, which the application may have replaced. */
function isTaken(http: Pick<EventEmitter, 'listeners'>, path: string, own?: Engine): boolean {
  const listeners = http.listeners('upgrade').filter(isOfEngine)
  if (own && listeners.length < 2) return false
  const restore = own && replaceMethod(own, 'handleUpgrade', () => () => fail(LEFT))
  if (own && !restore) return false
  try {
    return listeners.some((listener) => takes(listener, path))
  } finally {
    restore?.()
  }
}

/** Whether a listener is Engine.IO's: it reads an option whose name minifiers keep. */
function isOfEngine(listener: object): boolean {
  return Function.prototype.toString.call(listener).includes('destroyUpgrade')
}

const TAKEN = new Error('the request is taken')
const LEFT = new Error('the request is left to others')

/**
 * Whether a listener of Engine.IO takes requests to a path. Engine.IO shows its path nowhere, so the
 * listener is called with a request of which only the address can be read. It compares the path
 * first. If that is its own, it goes on to read the request; if not, it goes on to the socket.
 */
function takes(listener: object, path: string): boolean {
  const url = `${path.replace(/\/$/, '')}/`
  const request = new Proxy({}, { get: (_, key) => (key === 'url' ? url : fail(TAKEN)) })
  // Engine.IO 6.5 closes a socket a second later if it is writable
  const socket = { writable: false, on: () => fail(LEFT) }
  try {
    Reflect.apply(listener as () => void, undefined, [request, socket, Buffer.alloc(0)])
    return false
  } catch (thrown) {
    return thrown === TAKEN
  }
}

function fail(error: Error): never {
  throw error
}
