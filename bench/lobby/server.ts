import { readFileSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server } from 'socket.io'
import plugin, { attach, type Spillway } from '../../lib/index.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { messages, payloadOf } from '../slow-link/messages.ts'

/** The lobby's server, alone in its process. */

export const SUBJECTS = ['spillway', 'socket.io'] as const
/** The `dashboard` is the Spillway with its admin routes. */
export type Subject = (typeof SUBJECTS)[number] | 'dashboard'

const EVERY_MS = 500
/** Every so many messages one is critical: every 2 seconds. */
const CRITICAL_EVERY = 4
const LOOP_RESOLUTION_MS = 5
const PAGE_BYTES = 4096

let io: Server | undefined
let spillway: Spillway | undefined
/** By Engine.IO's reason. */
const reasons: Record<string, number> = {}

interface Sample {
  /** Milliseconds since the load began. */
  readonly at: number
  readonly rss: number
  /** Memory that the kernel has given to TCP sockets, of clients and server. */
  readonly kernel: number
}

const handlers = {
  async open({ subject, host }: { subject: Subject; host: string }): Promise<number> {
    const http = subject === 'dashboard' ? await withDashboard() : createServer()
    io ??= new Server(http)
    if (subject === 'spillway') spillway = attach(io, { messages })
    io.engine.on('connection', (conn: { on(event: 'close', l: (reason: string) => void): void }) =>
      conn.on('close', (reason) => {
        reasons[reason] = (reasons[reason] ?? 0) + 1
      }),
    )
    await new Promise<void>((resolve) => http.listen(0, host, 10_000, resolve))
    return (http.address() as AddressInfo).port
  },

  memory: (): Sample => sample(0),

  async load({ seconds, bytes }: { seconds: number; bytes: number }) {
    const samples: Sample[] = []
    const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
    const before = process.cpuUsage()
    const startedAt = performance.now()
    let critical = 0
    let sent = 0
    loop.enable()
    for (; sent * EVERY_MS < seconds * 1000; ) {
      samples.push(sample(performance.now() - startedAt))
      sent++
      if (sent % CRITICAL_EVERY === 0) io!.emit('critical', payloadOf(++critical, bytes))
      else io!.emit('cosmetic', payloadOf(sent, bytes))
      await sleep(startedAt + sent * EVERY_MS - performance.now())
    }
    loop.disable()
    const { user, system } = process.cpuUsage(before)
    // what is recorded is how long the timer took
    const delay = (nanos: number): number => Math.max(0, nanos / 1e6 - LOOP_RESOLUTION_MS)
    return {
      samples,
      sent,
      critical,
      connections: io!.engine.clientsCount as number,
      cpuShare: (user + system) / 1000 / (performance.now() - startedAt),
      loop: {
        p50: delay(loop.percentile(50)),
        p99: delay(loop.percentile(99)),
        max: delay(loop.max),
      },
      reasons,
      closed: spillway?.stats().closed ?? {},
    }
  },
}
export type ServerHandlers = typeof handlers

/** Only here: the others' memory is measured without Fastify. */
async function withDashboard(): Promise<HttpServer> {
  const { default: Fastify } = await import('fastify')
  const app = Fastify()
  await app.register(plugin, { messages, admin: { auth: false, changeAuth: false } })
  await app.ready()
  io = app.getDecorator<Server>('io')
  spillway = app.spillway as unknown as Spillway
  return app.server
}

function sample(at: number): Sample {
  const [, pages] = /^TCP: .* mem (\d+)/m.exec(readFileSync('/proc/net/sockstat', 'utf8')) ?? []
  return { at, rss: process.memoryUsage.rss(), kernel: Number(pages) * PAGE_BYTES }
}

serve(handlers)
