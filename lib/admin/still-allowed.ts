import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * Asks the auth hooks once more about a request whose answer is still under way, by a request of
 * the same headers and query to a neighbouring route inside the process. Hooks see it as any other
 * request; of the connection itself they see the address alone, so no client certificate.
 *
 * @returns whether they would let it pass. Limits of rate and load refuse nobody's right to read.
 */
export async function isStillAllowed(
  app: FastifyInstance,
  { originalUrl, headers, socket }: FastifyRequest,
): Promise<boolean> {
  const { statusCode } = await app.inject({
    method: 'GET',
    url: originalUrl.replace(/\/events(?=\/?(?:\?|$))/, '/policy'),
    headers: Object.fromEntries(
      Object.entries(headers).filter(([name]) => !OF_CONNECTION.test(name)),
    ),
    ...(socket.remoteAddress !== undefined && { remoteAddress: socket.remoteAddress }),
  })
  // a query that the neighbour does not know is refused behind the hooks
  return statusCode < 300 || statusCode === 400 || statusCode === 429 || statusCode >= 500
}

/** Headers of the connection, and the pseudo headers of HTTP/2. */
const OF_CONNECTION = /^(?::|(?:connection|upgrade|content-length|transfer-encoding|te)$)/
