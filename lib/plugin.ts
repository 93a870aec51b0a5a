import fp from 'fastify-plugin'
import type { Registry } from 'prom-client'
import { Server, type ServerOptions } from 'socket.io'
import type { MessageMap, NamespaceMap } from '../schemas/events.ts'
import { type Logger, parseOptions, pluginOptions } from '../schemas/options.ts'
import { isPlain } from '../schemas/own-keys.ts'
import { attach } from './attach.ts'
import { isSpillway } from './attach-checks.ts'
import { refuse, verbatim } from './base/errors.ts'
import { whileClosing } from './fastify/app-closing.ts'
import { isDecorated } from './fastify/decorations.ts'
import type { FastifyInstance, onRequestHookHandler, RegisterOptions } from './fastify-types.ts'
import { withoutLocalDisconnects } from './socketio/local-disconnects.ts'
import { checkOwnUpgradePath, checkUpgradePath, type PathServer } from './socketio/upgrade-path.ts'
import type { Spillway } from './spillway.ts'
import type { SpillwayOptions } from './spillway-options.ts'

const REGISTER = 'app.register(spillway)'

type AdminAuth = false | onRequestHookHandler | onRequestHookHandler[]

export interface SpillwayPluginOptions<
  M extends MessageMap = MessageMap,
  N extends NamespaceMap = NamespaceMap,
> extends SpillwayOptions<M, N> {
  /** The Socket.IO server. Default: `app.io`, else one is made on `app.server`. */
  io?: Server
  /** Options of the server that is made when there is none. */
  server?: Partial<ServerOptions>
  /** Where the metrics go. Default: a registry of our own, told by the admin routes. */
  metrics?: { registry: Registry }
  /** Mounts the admin routes. */
  admin?: {
    /** Default `/spillway`. */
    prefix?: string
    /** `onRequest` hooks that let a request pass or answer it; `false` leaves the routes open. */
    auth: AdminAuth
    /** The same for the routes that change something. Default: nobody may. */
    changeAuth?: AdminAuth
    /** The dashboard. Default true. */
    ui?: boolean
    /** Requests a minute of one address, where the app has @fastify/rate-limit. Default 600. */
    rateLimit?: number
  }
}

async function spillwayPlugin(app: FastifyInstance, options: SpillwayPluginOptions): Promise<void> {
  checkApp(app)
  // all at once: what is left inherits from Object.prototype, which somebody may have extended
  const {
    io: given,
    server,
    metrics,
    admin,
    log: asked,
    prefix,
    logLevel,
    logSerializers,
    ...core
  } = parse(options)
  const log = asked ?? loggerOf(app, logLevel, logSerializers)
  const decorated = isDecorated(app, 'io')
  const own = given === undefined && !decorated
  if (server && !own) refuseServerOptions(server, given === undefined ? '`app.io`' : '`io`')
  const theirs = given === undefined ? Reflect.get(app, 'io') : given
  // a copy, as Socket.IO completes its options in place
  const io = own ? new Server(undefined, { ...server }) : (theirs as Server)
  if (own) checkUpgradePath(REGISTER, app.server, io.path())
  const spillway = attach(io, { ...core, log } as SpillwayOptions)
  const registry =
    admin || metrics ? await metricsOf(spillway, metrics?.registry as Registry) : undefined
  if (own) {
    // not before, so that a refusal leaves `app.server` as it was
    try {
      io.attach(app.server)
    } catch (error) {
      spillway.close()
      throw error
    }
    app.decorate('io', io)
  }
  app.decorate('spillway', spillway)
  // clients of another HTTP server don't keep this one from closing, and may go on without the app
  const closesClients = own || Reflect.get(io, 'httpServer') === app.server
  // its `preClose` closes its clients so that they don't come back; the shutdown does it otherwise
  const isOthers = app.hasPlugin('fastify-socket.io') && Reflect.get(app, 'io') === io
  // whoever came later, and in other scopes
  app.addHook('onReady', async () => checkOwnUpgradePath(REGISTER, io as unknown as PathServer))
  const closed = new AbortController()
  let putBack: (() => void) | undefined
  const ended = whileClosing(app, {
    begin() {
      if (!closesClients) return
      spillway.refuse()
      if (isOthers) putBack = withoutLocalDisconnects(io)
    },
    async end() {
      // the application may have closed it
      if (closesClients && spillway.isOpen) await spillway.shutdown()
      // of clients that were terminated at the deadline it is told then
      await spillway.settled()
      putBack?.()
      closed.abort()
    },
  })
  app.addHook('onClose', async () => {
    await ended()
    spillway.close()
    await spillway.settled()
    if (own) await io.close()
  })
  if (admin) {
    const { adminRoutes } = await import('./admin/routes.ts')
    const { auth, changeAuth, ...others } = admin
    const routes = {
      ...others,
      auth: hooksOf(auth as AdminAuth),
      changeAuth: changeAuth === undefined ? undefined : hooksOf(changeAuth as AdminAuth),
      spillway,
      closed: closed.signal,
      metrics: metrics ? undefined : registry,
    }
    // of a plugin that is not encapsulated, Fastify applies these to nothing
    const ofFastify = { prefix, logLevel, logSerializers } as RegisterOptions
    await app.register(async (scope) => void (await scope.register(adminRoutes, routes)), ofFastify)
  }
}

/** @throws SpillwayError if the app has a Spillway, or somebody else's decorator in its place */
function checkApp(app: FastifyInstance): void {
  if (!isDecorated(app, 'spillway')) return
  const present: unknown = Reflect.get(app, 'spillway')
  if (isSpillway(present)) {
    throw refuse(
      'SPILLWAY_ALREADY_ATTACHED',
      REGISTER,
      verbatim('an app that has a Spillway'),
      'one registration an app; attach() takes further servers',
    )
  }
  const allowed = 'no decorator of this name; the plugin adds it'
  throw refuse('SPILLWAY_DECORATOR_EXISTS', 'app.spillway', present, allowed)
}

/** @throws SpillwayError SPILLWAY_INVALID_OPTION */
function refuseServerOptions(server: object, beside: string): never {
  const allowed = `nothing beside ${beside}, whose Server has its options; they are those of one that is made`
  throw refuse('SPILLWAY_INVALID_OPTION', 'server', server, allowed)
}

/** @throws SpillwayError SPILLWAY_INVALID_OPTION if the app's logger has no such level */
function loggerOf(app: FastifyInstance, level?: string, serializers?: object): Logger {
  if (level === undefined && serializers === undefined) return app.log
  const options = { ...(level !== undefined && { level }), ...(serializers && { serializers }) }
  try {
    return app.log.child({}, options as object)
  } catch {
    throw refuse('SPILLWAY_INVALID_OPTION', 'logLevel', level, "a level of the app's logger")
  }
}

function hooksOf(auth: AdminAuth): onRequestHookHandler[] {
  if (auth === false) return []
  return Array.isArray(auth) ? auth : [auth]
}

/**
 * Loads prom-client, so only for those who tell metrics.
 *
 * @throws SpillwayError if the registry can't have them; the Socket.IO server is then as it was
 */
async function metricsOf(spillway: Spillway, given: Registry | undefined): Promise<Registry> {
  const { Registry, registerMetrics } = await import('./metrics/register.ts')
  const registry = given ?? new Registry()
  try {
    registerMetrics(spillway, registry)
  } catch (refusal) {
    spillway.close()
    throw refusal
  }
  return registry
}

function parse(options: SpillwayPluginOptions) {
  const admin = isPlain(options) && ownOf(options, 'admin')
  if (isPlain(admin) && ownOf(admin, 'auth') === undefined) {
    throw refuse(
      'SPILLWAY_ADMIN_AUTH_REQUIRED',
      'admin.auth',
      undefined,
      'an onRequest hook, an array of them, or an explicit false',
    )
  }
  return parseOptions(pluginOptions, options)
}

function ownOf(value: object, key: string): unknown {
  return Object.hasOwn(value, key) ? Reflect.get(value, key) : undefined
}

export default fp(spillwayPlugin, { name: 'fastify-spillway', fastify: '5.x' })
