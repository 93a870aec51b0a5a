import type { AddressInfo } from 'node:net'
import Fastify, { type FastifyInstance, type FastifyServerOptions } from 'fastify'
import type { Server } from 'socket.io'
import { connect } from 'socket.io-client'
import spillway, { type SpillwayPluginOptions } from '../../lib/plugin.ts'
import { type Fixture, RawClient } from './server.ts'

/** A Fastify app with the plugin, listening on a free port. */
export interface AppFixture extends Fixture {
  readonly app: FastifyInstance
}

export async function startApp(
  options: SpillwayPluginOptions = {},
  prepare: (app: FastifyInstance) => unknown = () => {},
  serverOptions: FastifyServerOptions = {},
): Promise<AppFixture> {
  const app = Fastify(serverOptions)
  await prepare(app)
  await app.register(spillway, options)
  return listen(app, options.io)
}

export async function listen(app: FastifyInstance, given?: Server): Promise<AppFixture> {
  await app.listen({ port: 0, host: '127.0.0.1' })
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
    async client(clientOptions = {}, namespace = '/') {
      const client = connect(`${url}${namespace}`, {
        transports: ['websocket'],
        forceNew: true,
        reconnection: false,
        ...clientOptions,
      })
      clients.push(client)
      await new Promise<void>((resolve, reject) => {
        client.once('connect', resolve)
        client.once('connect_error', reject)
      })
      return client
    },
    async raw({ namespace = '/', query = '' } = {}) {
      const client = new RawClient(
        `ws://127.0.0.1:${port}/socket.io/?EIO=4&transport=websocket${query}`,
      )
      clients.push(client)
      await client.join(namespace)
      return client
    },
    async close() {
      for (const client of clients) client.close()
      await app.close()
    },
  }
}
