import type { FastifyInstance, FastifyRequest } from 'fastify'
import type { ZodTypeProvider } from 'fastify-type-provider-zod'
import { z } from 'zod'
import { policyChange } from '../../schemas/options.ts'
import { failure, policyState } from '../../schemas/stats.ts'
import { clientParams, NO_CLIENT, noQuery, ROUTE_CONFIG } from './answers.ts'
import type { AdminOptions } from './options.ts'
import { describeRefusals } from './refusals.ts'

const OFF = {
  error: 'Forbidden',
  message: 'changing is off; the option admin.changeAuth turns it on',
}

/** Who may not change anything is told so, if he may read. */
export async function changeRoutes(app: FastifyInstance, options: AdminOptions): Promise<void> {
  const { spillway, auth, changeAuth } = options
  for (const hook of changeAuth ?? auth) app.addHook('onRequest', hook)
  if (!changeAuth) app.addHook('onRequest', async (_request, reply) => reply.code(403).send(OFF))
  describeRefusals(app, changeAuth ?? auth, {
    413: failure.describe('The body is too long.'),
    415: failure.describe('The body is not JSON.'),
    ...(!changeAuth && { 403: failure.describe('Changing is off.') }),
  })
  const routes = app.withTypeProvider<ZodTypeProvider>()
  const config = ROUTE_CONFIG

  routes.patch(
    '/policy',
    {
      config,
      schema: {
        description:
          'Changes mode, watermarks (bytes) and maxAge (milliseconds) for all clients, those that are connected too; what is left out stays as it is.',
        querystring: noQuery,
        body: policyChange,
        response: { 200: policyState, 400: failure },
      },
    },
    async (request) => ({
      ...spillway.setPolicy(request.body, whoAsks(request)),
      changeable: true,
    }),
  )

  routes.delete(
    '/clients/:id',
    {
      config,
      schema: {
        description: 'Closes a client at once, with the code `terminated`; it may connect again.',
        params: clientParams,
        querystring: noQuery,
        response: { 204: z.undefined().describe('It is closed.'), 400: failure, 404: failure },
      },
    },
    async (request, reply) => {
      return spillway.terminate(request.params.id)
        ? reply.code(204).send()
        : reply.code(404).send(NO_CLIENT)
    },
  )
}

function whoAsks({ id, ip, headers }: FastifyRequest): object {
  return { request: id, address: ip, userAgent: headers['user-agent'] ?? null }
}
