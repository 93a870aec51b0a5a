import type { AddressInfo } from 'node:net'
import Fastify from 'fastify'
import spillway, { type ServerOf } from '../../lib/index.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { lobbyLoad } from '../harness/lobby-load.ts'
import { messages } from '../harness/messages.ts'
import { ProcessMeter } from '../harness/process-meter.ts'

/** A lobby's server with the admin routes, alone in its process. */

const app = Fastify()
const meter = new ProcessMeter()

const handlers = {
  async open({ host }: { host: string }): Promise<number> {
    await app.register(spillway, { messages, admin: { auth: false, changeAuth: false } })
    await app.listen({ host, port: 0, backlog: 10_000 })
    return (app.server.address() as AddressInfo).port
  },

  /** The load, with what it costs this process. */
  async load({ seconds, bytes }: { seconds: number; bytes: number }) {
    const io = app.getDecorator<ServerOf<typeof messages>>('io')
    meter.start()
    const { critical } = await lobbyLoad({ seconds, bytes }, (type, payload) =>
      io.emit(type, payload),
    )
    return {
      critical,
      connections: app.spillway.stats().clients.connected,
      process: meter.stop(),
    }
  },
}
export type ServerHandlers = typeof handlers

serve(handlers)
