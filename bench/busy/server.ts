import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server } from 'socket.io'
import { attach, type Spillway } from '../../lib/index.ts'
import type { ClientStats, SpillwayStats } from '../../schemas/stats.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { messages, payloadOf } from '../slow-link/messages.ts'

/** A server whose application holds the event loop, alone in its process. */

export const SUBJECTS = ['spillway', 'socket.io'] as const
export type Subject = (typeof SUBJECTS)[number]

export interface LoadOptions {
  readonly seconds: number
  readonly bytes: number
  /** How long the loop is held at a time. */
  readonly sliceMs: number
  /** How much of the time it is held, 0 to 1. */
  readonly share: number
}

export interface Loaded {
  readonly critical: number
  readonly cosmetic: number
  readonly connections: number
  readonly cpuShare: number
  readonly loop: { readonly p50: number; readonly p99: number; readonly max: number }
  /** Cosmetic messages that each client was not sent; empty without the plugin. */
  readonly shed: readonly number[]
  /** How many clients were congested at any time. */
  readonly congested: number
  /** What the census counted, once a second. */
  readonly censuses: ReadonlyArray<SpillwayStats['census']>
  readonly congestedAtOnce: number
  readonly reasons: Readonly<Record<string, number>>
}

/** As in the lobby. */
const EVERY_MS = 500
const CRITICAL_EVERY = 4
const CENSUS_MS = 1000
const LOOP_RESOLUTION_MS = 5

let io: Server | undefined
let spillway: Spillway | undefined
/** By Engine.IO's reason. */
const reasons: Record<string, number> = {}

const handlers = {
  async open(subject: Subject): Promise<number> {
    const http = createServer()
    io = new Server(http)
    if (subject === 'spillway') spillway = attach(io, { messages })
    io.engine.on('connection', (conn: { on(event: 'close', l: (reason: string) => void): void }) =>
      conn.on('close', (reason) => {
        reasons[reason] = (reasons[reason] ?? 0) + 1
      }),
    )
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', 10_000, resolve))
    return (http.address() as AddressInfo).port
  },

  async load({ seconds, bytes, sliceMs, share }: LoadOptions): Promise<Loaded> {
    const before = { shed: new Map<string, number>(), drains: new Map<string, number>() }
    for (const client of spillway?.clients() ?? []) {
      before.shed.set(client.id, shedOf(client))
      before.drains.set(client.id, client.drains.count)
    }
    const loop = monitorEventLoopDelay({ resolution: LOOP_RESOLUTION_MS })
    const cpu = process.cpuUsage()
    const startedAt = performance.now()
    const censuses: SpillwayStats['census'][] = []
    let congestedAtOnce = 0
    const rest = sliceMs / share - sliceMs
    let holding = setTimeout(function again() {
      hold(sliceMs)
      holding = setTimeout(again, rest)
    }, rest)
    const watching = setInterval(() => {
      const stats = spillway?.stats()
      if (!stats) return
      censuses.push(stats.census)
      congestedAtOnce = Math.max(congestedAtOnce, stats.clients.congested)
    }, CENSUS_MS)
    loop.enable()
    const sent = { critical: 0, cosmetic: 0 }
    for (let n = 1; n * EVERY_MS <= seconds * 1000; n++) {
      const type = n % CRITICAL_EVERY === 0 ? 'critical' : 'cosmetic'
      io!.emit(type, payloadOf(++sent[type], bytes))
      await sleep(Math.max(0, startedAt + n * EVERY_MS - performance.now()))
    }
    loop.disable()
    clearTimeout(holding)
    clearInterval(watching)
    const { user, system } = process.cpuUsage(cpu)
    const clients = [...(spillway?.clients() ?? [])]
    const since = (client: ClientStats) =>
      client.drains.count - (before.drains.get(client.id) ?? 0) + Number(client.congested)
    // what is recorded is how long the timer took
    const delay = (nanos: number): number => Math.max(0, nanos / 1e6 - LOOP_RESOLUTION_MS)
    return {
      ...sent,
      connections: io!.engine.clientsCount as number,
      cpuShare: (user + system) / 1000 / (performance.now() - startedAt),
      loop: {
        p50: delay(loop.percentile(50)),
        p99: delay(loop.percentile(99)),
        max: delay(loop.max),
      },
      shed: clients.map((client) => shedOf(client) - (before.shed.get(client.id) ?? 0)),
      congested: clients.filter((client) => since(client) > 0).length,
      censuses,
      congestedAtOnce,
      reasons,
    }
  },
}
export type ServerHandlers = typeof handlers

/** As a template that is rendered, or a large JSON text that is parsed. */
function hold(ms: number): void {
  for (const until = performance.now() + ms; performance.now() < until; );
}

function shedOf({ dropped, conflated, expired }: ClientStats): number {
  return dropped.messages + conflated.messages + expired.messages
}

serve(handlers)
