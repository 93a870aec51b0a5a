import { Readable } from 'node:stream'
import type { FastifyInstance } from 'fastify'
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
import { refuse } from '../base/errors.ts'
import { pageOfClosed } from './closed-page.ts'
import { EventFeed } from './event-feed.ts'
import type { AdminOptions, Metrics } from './options.ts'
import { addRoute, stringify } from './route.ts'
import { type Answers, clientParams, NO_CLIENT, noQuery, refusalsOf } from './route-parts.ts'
import { SharedAnswers } from './shared-answers.ts'
import { isStillAllowed } from './still-allowed.ts'

/** Most different listings at a time. Each takes about 20 ms of the event loop for 14,000 clients. */
const MOST_LISTINGS = 8
/** Value of the header `retry-after`, in seconds. */
const RETRY_AFTER = 1
const BUSY = {
  error: 'Service Unavailable',
  message: 'Too many different listings are under way; `retry-after` tells when to come.',
}

/** The routes that read: totals, clients, closed clients, policy, events and metrics. */
export async function readRoutes(app: FastifyInstance, options: AdminOptions): Promise<void> {
  for (const hook of options.auth) app.addHook('onRequest', hook)
  const refusals = refusalsOf(app, options.auth)
  totalsRoute(app, options, refusals)
  clientRoutes(app, options, refusals)
  closedRoute(app, options, refusals)
  policyRoute(app, options, refusals)
  eventRoute(app, options, refusals)
  if (options.metrics) metricsRoute(app, options.metrics, refusals)
}

function totalsRoute(app: FastifyInstance, { spillway }: AdminOptions, refusals: Answers): void {
  addRoute(app, {
    method: 'GET',
    path: '/',
    description: 'Totals by class, event and outcome; congested clients; memory.',
    querystring: noQuery,
    answer: spillwayStats,
    otherwise: { ...refusals, 400: failure },
    handler: async () => spillway.stats(),
  })
}

function clientRoutes(app: FastifyInstance, { spillway }: AdminOptions, refusals: Answers): void {
  const otherwise = { ...refusals, 400: failure }
  const listings = new SharedAnswers<string>(MOST_LISTINGS)

  addRoute(app, {
    method: 'GET',
    path: '/clients',
    description:
      'The connected clients with the largest figure first, a page at a time: all, or those in a namespace, in a room (of any namespace, unless one is given), congested or not, losing what they are offered or not, or in a state. `closed` are those that are being closed and still connected, since what is critical goes first.',
    querystring: clientsQuery,
    answer: clientsPage,
    otherwise: { ...otherwise, 503: failure.describe(BUSY.message) },
    handler: async (request, reply) => {
      const { query } = request
      // serialized once for all requests that share the answer
      const page = listings.ask(JSON.stringify(query), async () =>
        stringify(await spillway.list(query)),
      )
      if (!page) return reply.code(503).header('retry-after', RETRY_AFTER).send(BUSY)
      return reply.type('application/json; charset=utf-8').send(await page)
    },
  })

  addRoute(app, {
    method: 'GET',
    path: '/clients/:id',
    description:
      'One client, by its id here or that of one of its sockets: what is queued, why it is not sent, what was shed last.',
    params: clientParams,
    querystring: noQuery,
    answer: clientStats,
    otherwise: { ...otherwise, 404: failure },
    handler: async (request, reply) =>
      spillway.client(request.params.id) ?? reply.code(404).send(NO_CLIENT),
  })

  addRoute(app, {
    method: 'GET',
    path: '/clients/:id/queue',
    description: 'The messages queued for a client, in the order in which they would be sent.',
    params: clientParams,
    querystring: queueQuery,
    answer: clientQueue,
    otherwise: { ...otherwise, 404: failure },
    handler: async (request, reply) => {
      const { id } = request.params
      return spillway.queue(id, request.query.limit) ?? reply.code(404).send(NO_CLIENT)
    },
  })
}

function closedRoute(app: FastifyInstance, { spillway }: AdminOptions, refusals: Answers): void {
  addRoute(app, {
    method: 'GET',
    path: '/closed',
    description: 'The clients closed lately, with the reason and what was undelivered.',
    querystring: closedQuery,
    answer: closedPage,
    otherwise: { ...refusals, 400: failure },
    handler: async (request) => {
      const page = pageOfClosed(spillway.closed(), request.query)
      if (page) return page
      const allowed =
        'the `next` of a page whose last client is remembered, or none for the first page'
      throw refuse('SPILLWAY_INVALID_OPTION', 'query.cursor', request.query.cursor, allowed)
    },
  })
}

function policyRoute(app: FastifyInstance, options: AdminOptions, refusals: Answers): void {
  const { spillway, changeAuth } = options
  addRoute(app, {
    method: 'GET',
    path: '/policy',
    description: 'What may be changed while the server runs, and whether these routes may.',
    querystring: noQuery,
    answer: policyState,
    otherwise: { ...refusals, 400: failure },
    handler: async () => ({ ...spillway.policy, changeable: changeAuth !== undefined }),
  })
}

function eventRoute(app: FastifyInstance, options: AdminOptions, refusals: Answers): void {
  const { spillway, closed } = options
  const feed = new EventFeed(spillway)
  closed.addEventListener('abort', () => feed.close(), { once: true })
  addRoute(app, {
    method: 'GET',
    path: '/events',
    description:
      'Server-sent events: `congested`, `recovered`, `closed`, `policy`, each second what was `shed`, and how many were `omitted` for a slow reader.',
    answer: z.string().describe('A stream of events.'),
    mediaType: 'text/event-stream',
    otherwise: { ...refusals, 503: failure },
    handler: async (request, reply) => {
      // Fastify sends no body to a HEAD request, so its stream would never be read
      const opened =
        request.method === 'HEAD'
          ? Readable.from([])
          : feed.open(reply.raw, request.ip, () => isStillAllowed(app, request))
      if (typeof opened === 'string') {
        return reply.code(503).send({ error: 'Service Unavailable', message: opened })
      }
      // nginx would buffer the events
      reply.type('text/event-stream').header('x-accel-buffering', 'no')
      // an idle keep-alive connection would delay the closing of the server
      if (request.raw.httpVersionMajor === 1) reply.header('connection', 'close')
      return reply.send(opened)
    },
  })
}

function metricsRoute(app: FastifyInstance, metrics: Metrics, refusals: Answers): void {
  addRoute(app, {
    method: 'GET',
    path: '/metrics',
    description: 'The metrics, in the format of Prometheus.',
    answer: z.string().describe('The metrics.'),
    mediaType: 'text/plain',
    otherwise: refusals,
    handler: async (_request, reply) =>
      reply.type(metrics.contentType).send(await metrics.metrics()),
  })
}
