import type { FastifyInstance, FastifyRequest } from 'fastify'
import { z } from 'zod'
import { policyChange } from '../../schemas/policy.ts'
import { failure, policyState } from '../../schemas/stats.ts'
import { shownIn } from '../base/printable.ts'
import type { AdminOptions } from './options.ts'
import { addRoute } from './route.ts'
import { clientParams, NO_CLIENT, noQuery, refusalsOf } from './route-parts.ts'

const OFF = {
  error: 'Forbidden',
  message: 'changing is off; the option admin.changeAuth turns it on',
}

/**
 * The routes that change something. Without `changeAuth` they answer 403 to whoever may read, which
 * the dashboard shows.
 */
export async function changeRoutes(app: FastifyInstance, options: AdminOptions): Promise<void> {
  const { spillway, auth, changeAuth } = options
  for (const hook of changeAuth ?? auth) app.addHook('onRequest', hook)
  if (!changeAuth) app.addHook('onRequest', async (_request, reply) => reply.code(403).send(OFF))
  const refusals = {
    ...refusalsOf(app, changeAuth ?? auth),
    400: failure,
    413: failure.describe('The body is too long.'),
    415: failure.describe('The body is not JSON.'),
    503: failure.describe('The application has closed the Spillway.'),
    ...(!changeAuth && { 403: failure.describe('Changing is off.') }),
  }

  addRoute(app, {
    method: 'PATCH',
    path: '/policy',
    description:
      'Changes mode, watermarks (bytes) and maxAge (milliseconds) for all clients, those that are connected too; what is left out stays as it is.',
    querystring: noQuery,
    body: policyChange,
    answer: policyState,
    otherwise: refusals,
    handler: async (request) => ({
      ...spillway.setPolicy(request.body, whoAsks(request)),
      changeable: true,
    }),
  })

  addRoute(app, {
    method: 'DELETE',
    path: '/clients/:id',
    description: 'Closes a client at once, with the code `terminated`; it may connect again.',
    params: clientParams,
    querystring: noQuery,
    otherwise: { ...refusals, 204: z.null().describe('It is closed.'), 404: failure },
    handler: async (request, reply) =>
      spillway.terminate(request.params.id)
        ? reply.code(204).send()
        : reply.code(404).send(NO_CLIENT),
  })
}

function whoAsks({ id, ip, headers }: Pick<FastifyRequest, 'id' | 'ip' | 'headers'>): object {
  return shownIn({ request: id, address: ip, userAgent: headers['user-agent'] ?? null })
}
