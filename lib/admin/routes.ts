import type { FastifyError, FastifyInstance, onRequestHookHandler } from 'fastify'
import { isDecorated } from '../fastify/decorations.ts'
import { changeRoutes } from './change-routes.ts'
import type { AdminOptions } from './options.ts'
import { readRoutes } from './read-routes.ts'
import { stringify } from './route.ts'
import { uiRoutes } from './ui-routes.ts'

/** Adds all admin routes and the dashboard. No answer contains a payload of a message. */
export async function adminRoutes(app: FastifyInstance, options: AdminOptions): Promise<void> {
  // replaces a serializer that the application may have for its own answers
  app.setReplySerializer(stringify)
  // answers bad requests here; the application's error handler gets all other errors
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    // `instanceof` fails if the package is loaded twice
    if (error.name !== 'SpillwayError') throw error
    // the request is valid, but the application has closed the Spillway
    if (error.code === 'SPILLWAY_CLOSED') {
      return reply.code(503).send({ error: 'Service Unavailable', message: error.message })
    }
    return reply.code(400).send({ error: 'Bad Request', message: error.message })
  })
  limitRate(app, options.rateLimit)
  app.addHook('onSend', async (_request, reply) => {
    reply.header('x-content-type-options', 'nosniff')
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  })
  // outside the auth hooks: the page contains no data, and asks for the token of the other routes
  if (options.ui) await app.register(uiRoutes, { prefix: '' })
  // this plugin is registered with the prefix already
  const inside = { ...options, prefix: '' }
  await app.register(readRoutes, inside)
  await app.register(changeRoutes, inside)
}

/** Limits the request rate before the auth hooks run, so that nobody can guess tokens. */
function limitRate(app: FastifyInstance, max: number): void {
  if (!isDecorated(app, 'rateLimit')) return
  const rateLimit = app.getDecorator<(options: object) => onRequestHookHandler>('rateLimit')
  app.addHook('onRequest', rateLimit({ max, timeWindow: 60_000 }))
}
