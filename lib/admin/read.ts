import type { FastifyInstance } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import {
  clientQueue,
  clientStats,
  clientsPage,
  clientsQuery,
  closedPage,
  closedQuery,
  failure,
  policyState,
  queueQuery,
  spillwayStats,
} from '../../schemas/stats.ts'
import { refuse } from '../errors.ts'
import { clientParams, NO_CLIENT, noQuery, ROUTE_CONFIG } from './answers.ts'
import { pageOfClosed } from './closed-page.ts'
import { Feed } from './feed.ts'
import type { AdminOptions } from './options.ts'
import { describeRefusals } from './refusals.ts'

export async function readRoutes(app: FastifyInstance, options: AdminOptions): Promise<void> {
  const { spillway, auth, metrics } = options
  for (const hook of auth) app.addHook('onRequest', hook)
  describeRefusals(app, auth)
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const config = ROUTE_CONFIG

  const totals = 'Totals by class, event and outcome; congested clients; memory.'
  routes.get(
    '/',
    {
      config,
      schema: {
        description: totals,
        querystring: noQuery,
        response: { 200: spillwayStats, 400: failure },
      },
    },
    async () => spillway.stats(),
  )

  routes.get(
    '/clients',
    {
      config,
      schema: {
        description:
          'The connected clients with the largest figure first, a page at a time: all, or those in a namespace, in a room (of any namespace, unless one is given), congested or not, or in a state. `closed` are those that are being closed and still connected, since what is critical goes first.',
        querystring: clientsQuery,
        response: { 200: clientsPage, 400: failure },
      },
    },
    async (request) => spillway.list(request.query),
  )

  routes.get(
    '/clients/:id',
    {
      config,
      schema: {
        description:
          'One client, by its id here or that of one of its sockets: what waits, why it is not being sent, what was shed last.',
        params: clientParams,
        querystring: noQuery,
        response: { 200: clientStats, 400: failure, 404: failure },
      },
    },
    async (request, reply) => {
      return spillway.client(request.params.id) ?? reply.code(404).send(NO_CLIENT)
    },
  )

  routes.get(
    '/clients/:id/queue',
    {
      config,
      schema: {
        description: 'What waits for a client, in the order in which it would be sent.',
        params: clientParams,
        querystring: queueQuery,
        response: { 200: clientQueue, 400: failure, 404: failure },
      },
    },
    async (request, reply) => {
      const { id } = request.params
      return spillway.queue(id, request.query.limit) ?? reply.code(404).send(NO_CLIENT)
    },
  )

  routes.get(
    '/closed',
    {
      config,
      schema: {
        description: 'The clients closed lately, with the reason and what was left undelivered.',
        querystring: closedQuery,
        response: { 200: closedPage, 400: failure },
      },
    },
    async (request) => {
      const page = pageOfClosed(spillway.closed(), request.query)
      if (page) return page
      const allowed =
        'the `next` of a page whose last client is remembered, or none for the first page'
      throw refuse('SPILLWAY_INVALID_OPTION', 'query.cursor', request.query.cursor, allowed)
    },
  )

  const policy = 'What may be changed while the server runs, and whether these routes may.'
  routes.get(
    '/policy',
    {
      config,
      schema: {
        description: policy,
        querystring: noQuery,
        response: { 200: policyState, 400: failure },
      },
    },
    async () => ({ ...spillway.policy, changeable: options.changeAuth !== undefined }),
  )

  const feed = new Feed(spillway)
  app.addHook('preClose', async () => feed.close())
  const events =
    'Server-sent events: `congested`, `recovered`, `closed`, `policy`, each second what was `shed`, and how many were `omitted` for a slow reader.'
  routes.get(
    '/events',
    {
      config,
      exposeHeadRoute: false,
      schema: {
        description: events,
        response: { 200: z.any().describe('text/event-stream'), 503: failure },
      },
    },
    async (request, reply) => {
      const message = feed.refusal
      if (message !== undefined) {
        return reply.code(503).send({ error: 'Service Unavailable', message })
      }
      // a proxy must not keep them back
      reply.type('text/event-stream').header('x-accel-buffering', 'no')
      // kept alive after the end, it would hold up a server that closes
      if (request.raw.httpVersionMajor === 1) reply.header('connection', 'close')
      return reply.send(feed.open(reply.raw))
    },
  )

  if (!metrics) return
  const exposition = 'The metrics, in the format of Prometheus.'
  routes.get(
    '/metrics',
    {
      config,
      schema: {
        description: exposition,
        response: { 200: z.string().describe('text/plain; version=0.0.4') },
      },
    },
    async (_request, reply) => reply.type(metrics.contentType).send(await metrics.metrics()),
  )
}
