import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Server } from 'socket.io'
import spillway from '../../../lib/plugin.ts'
import type { SpillwayPluginOptions } from '../../../lib/plugin-options.ts'
import { connectors, type Fixture } from './server.ts'

/** A Fastify app with the plugin, listening on a free port. */
export interface AppFixture extends Fixture {
  readonly app: FastifyInstance
}

export async function startApp(
  options: SpillwayPluginOptions = {},
  prepare: (app: FastifyInstance) => unknown = () => {},
  serverOptions: FastifyServerOptions = {},
  wanted = 0,
): Promise<AppFixture> {
  const app = Fastify(serverOptions)
  await prepare(app)
  await app.register(spillway, options)
  return listen(app, options.io, wanted)
}

export async function listen(
  app: FastifyInstance,
  given?: Server,
  wanted = 0,
  host = '127.0.0.1',
): Promise<AppFixture> {
  await app.listen({ port: wanted, host })
  const { port } = app.server.address() as AddressInfo
  const url = `http://127.0.0.1:${port}`
  const clients: Array<{ close(): unknown }> = []
  return {
    app,
    io: given ?? (Reflect.get(app, 'io') as Server),
    http: app.server,
    url,
    port,
    spillway: app.spillway,
    ...connectors(url, clients),
    async close() {
      for (const client of clients) client.close()
      await app.close()
    },
  }
}
