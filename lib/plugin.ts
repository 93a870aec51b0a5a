import fp from 'fastify-plugin'
import type { Registry } from 'prom-client'
import { Server } from 'socket.io'
import type { Logger } from '../schemas/given-objects.ts'
import { isPlain } from '../schemas/own-keys.ts'
import { parseOptions } from '../schemas/parse-options.ts'
import { pluginOptions } from '../schemas/plugin-options.ts'
import { attach } from './attach.ts'
import { isSpillway } from './attach-checks.ts'
import { refuse, verbatim } from './base/errors.ts'
import { whileClosing } from './fastify/app-closing.ts'
import { isDecorated } from './fastify/decorations.ts'
import type { FastifyInstance, onRequestHookHandler, RegisterOptions } from './fastify-types.ts'
import type { AdminAuth, SpillwayPluginOptions } from './plugin-options.ts'
import { withoutLocalDisconnects } from './socketio/local-disconnects.ts'
import { checkOwnUpgradePath, checkUpgradePath, type PathServer } from './socketio/upgrade-path.ts'
import type { Spillway } from './spillway.ts'
import type { SpillwayOptions } from './spillway-options.ts'

const REGISTER = 'app.register(spillway)'

async function spillwayPlugin(app: FastifyInstance, options: SpillwayPluginOptions): Promise<void> {
  checkApp(app)
  // destructured at once: a property that is missing would be read from an extended Object.prototype
  const {
    io: given,
    server,
    metrics,
    admin,
    log: givenLog,
    prefix,
    logLevel,
    logSerializers,
    ...core
  } = parse(options)
  const log = givenLog ?? loggerOf(app, logLevel, logSerializers)
  const { io, isOwn } = serverOf(app, given, server)
  const spillway = attach(io, { ...core, log } as SpillwayOptions)
  const registry =
    admin || metrics ? await metricsOf(spillway, metrics?.registry as Registry) : undefined
  // after everything that may be refused, so that a refusal leaves `app.server` as it was
  if (isOwn) attachOwn(app, io, spillway)
  app.decorate('spillway', spillway)
  // also finds servers that are attached later, and in other scopes
  app.addHook('onReady', async () => checkOwnUpgradePath(REGISTER, io as unknown as PathServer))
  const closed = closeWithApp(app, io, spillway, isOwn)
  if (!admin) return
  const { adminRoutes } = await import('./admin/routes.ts')
  const { auth, changeAuth, ...others } = admin
  const routes = {
    ...others,
    auth: hooksOf(auth as AdminAuth),
    changeAuth: changeAuth === undefined ? undefined : hooksOf(changeAuth as AdminAuth),
    spillway,
    closed,
    metrics: metrics ? undefined : registry,
  }
  // Fastify ignores these options of a plugin that is not encapsulated, such as this one
  const ofFastify = { prefix, logLevel, logSerializers } as RegisterOptions
  await app.register(async (scope) => void (await scope.register(adminRoutes, routes)), ofFastify)
}

/**
 * The Socket.IO server: the option `io`, else the decorator `app.io`, else a new one.
 *
 * @throws SpillwayError SPILLWAY_INVALID_OPTION if `server` has options for one that is not new
 */
function serverOf(
  app: FastifyInstance,
  given: unknown,
  server: object | undefined,
): { readonly io: Server; readonly isOwn: boolean } {
  const isOwn = given === undefined && !isDecorated(app, 'io')
  if (server && !isOwn) refuseServerOptions(server, given === undefined ? '`app.io`' : '`io`')
  if (!isOwn) return { io: (given === undefined ? Reflect.get(app, 'io') : given) as Server, isOwn }
  // a copy, since Socket.IO adds defaults to the object
  const io = new Server(undefined, { ...server })
  checkUpgradePath(REGISTER, app.server, io.path())
  return { io, isOwn }
}

/** Attaches the new Socket.IO server to the app's HTTP server, and decorates the app with it. */
function attachOwn(app: FastifyInstance, io: Server, spillway: Spillway): void {
  try {
    io.attach(app.server)
  } catch (error) {
    spillway.close()
    throw error
  }
  app.decorate('io', io)
}

/**
 * Closes the clients and the Spillway when the app closes.
 *
 * @returns aborted when the clients have been closed
 */
function closeWithApp(
  app: FastifyInstance,
  io: Server,
  spillway: Spillway,
  isOwn: boolean,
): AbortSignal {
  // clients on another HTTP server don't delay the closing of this one, and outlive the app
  const closesClients = isOwn || Reflect.get(io, 'httpServer') === app.server
  // fastify-socket.io's `preClose` hook disconnects all clients for good; the shutdown lets them reconnect
  const isOthers = app.hasPlugin('fastify-socket.io') && Reflect.get(app, 'io') === io
  const closed = new AbortController()
  let restoreDisconnects: (() => void) | undefined
  const ended = whileClosing(app, {
    begin() {
      if (!closesClients) return
      spillway.refuse()
      if (isOthers) restoreDisconnects = withoutLocalDisconnects(io)
    },
    async end() {
      // the application may have closed the Spillway itself
      if (closesClients && spillway.isOpen) await spillway.shutdown()
      // awaits `onClosed` also for clients that the deadline has terminated
      await spillway.settled()
      restoreDisconnects?.()
      closed.abort()
    },
  })
  app.addHook('onClose', async () => {
    await ended()
    spillway.close()
    await spillway.settled()
    if (isOwn) await io.close()
  })
  return closed.signal
}

/** @throws SpillwayError if the app has a Spillway, or another decorator of that name */
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
 * Registers the metrics. Loads prom-client, so it is called only if metrics are wanted.
 *
 * @throws SpillwayError if the registry can't have them; the Spillway is closed then
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
