import type { FastifyError, FastifyInstance, onRequestHookHandler } from 'fastify'
import { isDecorated } from '../fastify/decorations.ts'
import { changeRoutes } from './change-routes.ts'
import type { AdminOptions } from './options.ts'
import { readRoutes } from './read-routes.ts'
import { stringify } from './route.ts'
import { uiRoutes } from './ui-routes.ts'

/** The routes, the dashboard among them. No answer contains a payload. */
export async function adminRoutes(app: FastifyInstance, options: AdminOptions): Promise<void> {
  // in place of one that the application may have for its own answers
  app.setReplySerializer(stringify)
  // the application's own handler may make anything of a bad request, and keeps everything else
  app.setErrorHandler<FastifyError>((error, _request, reply) => {
    // by its name: loaded by another way, its class is another one
    if (error.name !== 'SpillwayError') throw error
    // nothing is wrong with such a request
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
  // it holds no data, and asks for the token that the others want
  if (options.ui) await app.register(uiRoutes, { prefix: '' })
  // this plugin has it already
  const inside = { ...options, prefix: '' }
  await app.register(readRoutes, inside)
  await app.register(changeRoutes, inside)
}

/** Before the auth hooks, so that nobody can try out tokens without end. */
function limitRate(app: FastifyInstance, max: number): void {
  if (!isDecorated(app, 'rateLimit')) return
  const rateLimit = app.getDecorator<(options: object) => onRequestHookHandler>('rateLimit')
  app.addHook('onRequest', rateLimit({ max, timeWindow: 60_000 }))
}
