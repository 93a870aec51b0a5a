import type { Registry } from 'prom-client'
import type { Server, ServerOptions } from 'socket.io'
import type { MessageMap, NamespaceMap } from '../schemas/events.ts'
import type { onRequestHookHandler } from './fastify-types.ts'
import type { SpillwayOptions } from './spillway-options.ts'

export type AdminAuth = false | onRequestHookHandler | onRequestHookHandler[]

/** Options of the Fastify plugin. `npm run docs` writes the docstrings of the members from their schema. */
export interface SpillwayPluginOptions<
  M extends MessageMap = MessageMap,
  N extends NamespaceMap = NamespaceMap,
> extends SpillwayOptions<M, N> {
  /**
   * The Socket.IO server. Default: `app.io` (fastify-socket.io), else one is made on
   * `app.server` and closed with the app.
   *
   * Allowed: a Server of socket.io 4.7 or later.
   */
  io?: Server
  /**
   * Options of the Socket.IO server that is made when there is none.
   *
   * Allowed: an object of Socket.IO's server options.
   */
  server?: Partial<ServerOptions>
  /** Where the metrics go. Default: a registry of our own at `{prefix}/metrics`. */
  metrics?: {
    /**
     * The prom-client registry that the metrics go to.
     *
     * Allowed: a Registry of prom-client.
     */
    registry: Registry
  }
  /** Mounts the admin routes; without it there are none. */
  admin?: {
    /**
     * Where the admin routes are mounted.
     *
     * Allowed: a path as /ops/spillway, its segments of letters, digits and - _ . but neither
     * empty nor . or ...
     * Default: `'/spillway'`.
     */
    prefix?: string
    /**
     * An `onRequest` hook, or several, that let a request pass or answer it; `false` leaves the
     * routes open.
     *
     * Allowed: an onRequest hook, an array of at least one, or an explicit false.
     */
    auth: AdminAuth
    /**
     * The same for the routes that change something; without it they refuse everyone.
     *
     * Allowed: an onRequest hook, an array of at least one, or an explicit false.
     */
    changeAuth?: AdminAuth
    /**
     * Whether there is a dashboard at `{prefix}/ui`.
     *
     * Allowed: a boolean.
     * Default: `true`.
     */
    ui?: boolean
    /**
     * Requests a minute of one address, where the app has @fastify/rate-limit.
     *
     * Allowed: 1 to 1000000.
     * Default: 600.
     */
    rateLimit?: number
  }
}
