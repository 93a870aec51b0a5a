import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import spillway, { type ServerOf } from '../../lib/index.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { messages, payloadOf } from '../slow-link/messages.ts'

/** A lobby's server with the admin routes, alone in its process. */

const EVERY_MS = 500
/** Every so many messages one is critical: every 2 seconds. */
const CRITICAL_EVERY = 4

const app = Fastify()

const handlers = {
  async open({ host }: { host: string }): Promise<number> {
    await app.register(spillway, { messages, admin: { auth: false, changeAuth: false } })
    await app.listen({ host, port: 0, backlog: 10_000 })
    return (app.server.address() as AddressInfo).port
  },

  /** The load, with what it costs this process. */
  async load({ seconds, bytes }: { seconds: number; bytes: number }) {
    const io = app.getDecorator<ServerOf<typeof messages>>('io')
    const loop = monitorEventLoopDelay({ resolution: 5 })
    const before = process.cpuUsage()
    const startedAt = performance.now()
    let critical = 0
    loop.enable()
    for (let sent = 1; (sent - 1) * EVERY_MS < seconds * 1000; sent++) {
      if (sent % CRITICAL_EVERY === 0) io.emit('critical', payloadOf(++critical, bytes))
      else io.emit('cosmetic', payloadOf(sent, bytes))
      await sleep(startedAt + sent * EVERY_MS - performance.now())
    }
    loop.disable()
    const { user, system } = process.cpuUsage(before)
    return {
      critical,
      connections: app.spillway.stats().clients.connected,
      cpuShare: (user + system) / 1000 / (performance.now() - startedAt),
      loopP99: loop.percentile(99) / 1e6 - 5,
    }
  },
}
export type ServerHandlers = typeof handlers

serve(handlers)
