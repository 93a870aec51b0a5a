import type { FastifyInstance, FastifyRequest } from 'fastify'

/**
 * Runs the auth hooks again for an open event stream, by an injected request to `/policy` with the same
 * headers and query. Hooks see the client's address, but nothing else of its connection, such as a
 * client certificate.
 *
 * @returns whether the hooks let the request pass. A 429 or 5xx doesn't count as a refusal.
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
  // 400: /policy refuses an unknown query parameter, which it checks after the hooks
  return statusCode < 300 || statusCode === 400 || statusCode === 429 || statusCode >= 500
}

/** Headers of the connection, and the pseudo headers of HTTP/2. */
const OF_CONNECTION = /^(?::|(?:connection|upgrade|content-length|transfer-encoding|te)$)/
