import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { attach, type Spillway } from '../../lib/index.ts'
import type { ClientStats, SpillwayStats } from '../../schemas/stats.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { countCloses, listen, type Reasons } from '../harness/counted-server.ts'
import { lobbyLoad } from '../harness/lobby-load.ts'
import { messages } from '../harness/messages.ts'
import { type ProcessFigures, ProcessMeter } from '../harness/process-meter.ts'

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
  readonly process: ProcessFigures
  /** Cosmetic messages that each client was not sent; empty without the plugin. */
  readonly shed: readonly number[]
  /** How many clients were congested at any time. */
  readonly congested: number
  /** What the census counted, once a second. */
  readonly censuses: ReadonlyArray<SpillwayStats['census']>
  readonly congestedAtOnce: number
  readonly reasons: Readonly<Record<string, number>>
}

const CENSUS_MS = 1000

const meter = new ProcessMeter()
let io: Server | undefined
let spillway: Spillway | undefined
/** By Engine.IO's reason. */
let reasons: Reasons = {}

const handlers = {
  async open(subject: Subject): Promise<number> {
    const http = createServer()
    io = new Server(http)
    if (subject === 'spillway') spillway = attach(io, { messages })
    reasons = countCloses(io)
    return listen(http)
  },

  async load({ seconds, bytes, sliceMs, share }: LoadOptions): Promise<Loaded> {
    const before = { shed: new Map<string, number>(), drains: new Map<string, number>() }
    for (const client of spillway?.clients() ?? []) {
      before.shed.set(client.id, shedOf(client))
      before.drains.set(client.id, client.drains.count)
    }
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
    meter.start()
    const sent = await lobbyLoad({ seconds, bytes }, (type, payload) => io!.emit(type, payload))
    const figures = meter.stop()
    clearTimeout(holding)
    clearInterval(watching)
    const clients = [...(spillway?.clients() ?? [])]
    const since = (client: ClientStats) =>
      client.drains.count - (before.drains.get(client.id) ?? 0) + Number(client.congested)
    return {
      ...sent,
      connections: io!.engine.clientsCount as number,
      process: figures,
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
