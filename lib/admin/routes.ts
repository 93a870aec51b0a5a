import type { FastifyError, FastifyInstance, onRequestHookHandler } from 'fastify'
import {
  serializerCompiler,
  validatorCompiler,
  type ZodTypeProvider,
} from 'fastify-type-provider-zod'
import { z } from 'zod'
import {
  clientStats,
  clientsPage,
  clientsQuery,
  closedPage,
  failure,
  spillwayStats,
} from '../../schemas/stats.ts'
import type { Spillway } from '../attach.ts'
import { pageOfClients } from './page.ts'

export interface AdminOptions {
  readonly prefix: string
  readonly auth: onRequestHookHandler[]
  readonly spillway: Spillway
}

/** Read-only routes about queues. No answer contains a payload. */
export async function adminRoutes(app: FastifyInstance, options: AdminOptions): Promise<void> {
  const { spillway, auth } = options
  const routes = app.withTypeProvider<ZodTypeProvider>()
  routes.setValidatorCompiler(validatorCompiler)
  // a refusal may be an auth hook's, in a shape of its own
  routes.setSerializerCompiler<z.ZodType>((route) =>
    route.httpStatus === '200' ? serializerCompiler(route) : JSON.stringify,
  )
  // the application's own handler may make anything of a bad query, and keeps everything else
  routes.setErrorHandler<FastifyError>((error, _request, reply) => {
    if (!error.validation) throw error
    return reply.code(400).send({ error: 'Bad Request', message: error.message })
  })
  for (const hook of auth) routes.addHook('onRequest', hook)
  routes.addHook('onSend', async (_request, reply) => {
    reply.header('cache-control', 'no-store')
  })

  const totals = 'Totals by class, event and outcome; congested clients; memory.'
  routes.get('/', { schema: { description: totals, response: { 200: spillwayStats } } }, async () =>
    spillway.stats(),
  )

  routes.get(
    '/clients',
    {
      schema: {
        description: 'The connected clients with the largest figure first, a page at a time.',
        querystring: clientsQuery,
        response: { 200: clientsPage, 400: failure },
      },
    },
    async (request, reply) => {
      const page = pageOfClients(spillway.clients(), request.query)
      if (page) return page
      const message = 'cursor: not one of this order of clients; leave it out for the first page'
      return reply.code(400).send({ error: 'Bad Request', message })
    },
  )

  routes.get(
    '/clients/:id',
    {
      schema: {
        description:
          'One client, by its id here or that of one of its sockets: what waits, why it is not being sent, what was shed last.',
        params: z.object({ id: z.string().max(100) }),
        response: { 200: clientStats, 404: failure },
      },
    },
    async (request, reply) => {
      const client = spillway.client(request.params.id)
      if (client) return client
      return reply.code(404).send({ error: 'Not Found', message: 'no such client is connected' })
    },
  )

  const history = 'The clients closed lately, with the reason and what was left undelivered.'
  routes.get(
    '/closed',
    { schema: { description: history, response: { 200: closedPage } } },
    async () => ({ closed: [...spillway.closed()] }),
  )
}
