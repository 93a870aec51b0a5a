import { readFileSync } from 'node:fs'
import { createServer, type Server as HttpServer } from 'node:http'
import { Server } from 'socket.io'
import plugin, { attach, type Spillway } from '../../lib/index.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { countCloses, listen, type Reasons } from '../harness/counted-server.ts'
import { lobbyLoad } from '../harness/lobby-load.ts'
import { messages } from '../harness/messages.ts'
import { ProcessMeter } from '../harness/process-meter.ts'

/** The lobby's server, alone in its process. */

export const SUBJECTS = ['spillway', 'socket.io'] as const
/** The `dashboard` is the Spillway with its admin routes. */
export type Subject = (typeof SUBJECTS)[number] | 'dashboard'

const PAGE_BYTES = 4096

const meter = new ProcessMeter()
let io: Server | undefined
let spillway: Spillway | undefined
/** By Engine.IO's reason. */
let reasons: Reasons = {}

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
    reasons = countCloses(io)
    return listen(http, host)
  },

  memory: (): Sample => sample(0),

  async load({ seconds, bytes }: { seconds: number; bytes: number }) {
    const samples: Sample[] = []
    const startedAt = performance.now()
    meter.start()
    const sent = await lobbyLoad({ seconds, bytes }, (type, payload) => {
      samples.push(sample(performance.now() - startedAt))
      io!.emit(type, payload)
    })
    return {
      samples,
      ...sent,
      connections: io!.engine.clientsCount as number,
      process: meter.stop(),
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
