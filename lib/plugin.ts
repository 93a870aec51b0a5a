import type { FastifyInstance, onRequestHookHandler } from 'fastify'
import fp from 'fastify-plugin'
import { Server, type ServerOptions } from 'socket.io'
import { adminOptions, parseOptions } from '../schemas/options.ts'
import { attach, type Spillway } from './attach.ts'
import { refuse } from './errors.ts'
import type { MessageMap, NamespaceMap } from './messages.ts'
import type { SpillwayOptions } from './types.ts'

export interface SpillwayPluginOptions<
  M extends MessageMap = MessageMap,
  N extends NamespaceMap = NamespaceMap,
> extends SpillwayOptions<M, N> {
  /** The Socket.IO server. Default: `app.io`, else one is made on `app.server`. */
  io?: Server
  /** Options of the server that is made when there is none. */
  server?: Partial<ServerOptions>
  /** Mounts the admin routes. */
  admin?: {
    /** Default `/spillway`. */
    prefix?: string
    /** `onRequest` hooks that let a request pass or answer it; `false` leaves the routes open. */
    auth: false | onRequestHookHandler | onRequestHookHandler[]
  }
}

declare module 'fastify' {
  interface FastifyInstance {
    spillway: Spillway
  }
}

async function spillwayPlugin(app: FastifyInstance, options: SpillwayPluginOptions): Promise<void> {
  const { io: given, server, admin, ...rest } = options
  const adminSettings = admin === undefined ? undefined : parseAdmin(admin)
  const decorated = app.hasDecorator('io') ? (Reflect.get(app, 'io') as Server) : undefined
  const io = given ?? decorated ?? new Server(app.server, server)
  const own = given === undefined && decorated === undefined
  if (app.hasDecorator('spillway')) {
    throw refuse(
      'SPILLWAY_ALREADY_ATTACHED',
      'app.register(spillway)',
      'an app that has a Spillway',
      'one registration an app; attach() takes further servers',
    )
  }
  const spillway = attach(io, { log: app.log, ...rest })
  app.decorate('spillway', spillway as Spillway)
  if (own) app.decorate('io', io)
  if (own) {
    // before Fastify waits for the connections to end
    app.addHook('preClose', (done) => {
      io.local.disconnectSockets(true)
      done()
    })
  }
  app.addHook('onClose', async () => {
    spillway.close()
    if (own) await io.close()
  })
  if (adminSettings) {
    const { adminRoutes } = await import('./admin/routes.ts')
    await app.register(adminRoutes, { ...adminSettings, spillway: spillway as Spillway })
  }
}

function parseAdmin(admin: NonNullable<SpillwayPluginOptions['admin']>) {
  if (typeof admin === 'object' && admin !== null && admin.auth === undefined) {
    throw refuse(
      'SPILLWAY_ADMIN_AUTH_REQUIRED',
      'admin.auth',
      undefined,
      'an onRequest hook, an array of them, or an explicit false',
    )
  }
  const { prefix, auth } = parseOptions(adminOptions, admin, 'admin')
  const hooks = auth === false ? [] : Array.isArray(auth) ? auth : [auth]
  return { prefix, auth: hooks as onRequestHookHandler[] }
}

export default fp(spillwayPlugin, { name: 'fastify-spillway', fastify: '5.x' })
