import type { EventEmitter } from 'node:events'
import { refuse, verbatim } from '../base/errors.ts'
import { replaceMethod } from './override.ts'

/** What a Socket.IO server tells of its path and its HTTP server. */
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
 * Refuses an HTTP server on which another Socket.IO server takes the WebSocket requests to a path: two
 * would upgrade the same request, which ends the process at the first one.
 *
 * @param where the call or option that is refused
 * @param http the server; anything else is not looked at
 * @param path of Socket.IO, such as `/socket.io`
 * @param own the engine whose listener is not another's
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
 * The same of a Socket.IO server that may have an HTTP server already.
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

/** Methods of the own engine that the application may have replaced are not called. */
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

/** An option of Engine.IO alone, which its listener reads: a minifier keeps the names of properties. */
function isOfEngine(listener: object): boolean {
  return Function.prototype.toString.call(listener).includes('destroyUpgrade')
}

const TAKEN = new Error('the request is taken')
const LEFT = new Error('the request is left to others')

/**
 * Engine.IO tells nobody on which path it listens. So its listener is asked, with a request of which
 * nothing but the address can be read: it compares the path before anything else, and only if that
 * is its own it goes on to read the request. Else it goes on to the socket.
 */
function takes(listener: object, path: string): boolean {
  const url = `${path.replace(/\/$/, '')}/`
  const request = new Proxy({}, { get: (_, key) => (key === 'url' ? url : fail(TAKEN)) })
  // Engine.IO 6.5 looks at it a second later only, to close it if it is writable
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
