import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../../spec/support/process/child.ts'
import type { ClientHandlers } from '../fanout/client.ts'
import type { Load } from '../fanout/measure.ts'
import type { ServerHandlers } from '../fanout/server.ts'
import type { Memory } from '../harness/settled-memory.ts'

export const SUBJECTS = ['spillway', 'socket.io'] as const
export type Subject = (typeof SUBJECTS)[number]

/** What one server says of its clients. */
export interface Trial {
  /** Of the server's CPU time, for each message and client. */
  readonly micros: number
  /** For each connected client that is sent nothing, in bytes. */
  readonly idle: Memory
  /** Of what was sent in the measured broadcasts: 1 is all of it. */
  readonly received: number
}

export const RUNTIME = [process.execPath, '--expose-gc']

/** Until no client is at the start of its delivery window, and hot code is compiled. */
const WARM_UP = 40
/** In which the last markers of connecting are written and answered. */
const IDLE_MS = 2500
const CONNECT_MS = 120_000
const LOAD_MS = 600_000
const DRAIN_MS = 10_000

/** One server with so many clients, both in new processes: what is left of others is in no figure. */
export async function runTrial(
  name: Subject,
  clients: number,
  load: Load,
  signal: AbortSignal,
): Promise<Trial> {
  const children: Array<{ close(): Promise<void> }> = []
  try {
    const module = new URL('../fanout/server.js', import.meta.url)
    const server = new Child<ServerHandlers>(module, { signal, runtime: RUNTIME })
    children.unshift(server)
    const from = new URL('../fanout/client.js', import.meta.url)
    const client = new Child<ClientHandlers>(from, { signal })
    children.unshift(client)

    const port = await server.ask('open', { name, bytes: load.bytes })
    const before = await server.ask('memory', undefined)
    await client.ask('open', { port, clients, protocol: 'socket.io' }, CONNECT_MS)
    await sleep(IDLE_MS)
    const after = await server.ask('memory', undefined)

    const broadcast = async (broadcasts: number): Promise<{ micros: number; received: number }> => {
      const messages = broadcasts * load.burst * clients
      const bytes = messages * load.bytes
      const { cpuMicros } = await server.ask('measure', { ...load, broadcasts }, LOAD_MS)
      const count = await client.ask('drain', { port, bytes, mostMs: DRAIN_MS }, 2 * DRAIN_MS)
      // markers are counted too
      return { micros: cpuMicros / messages, received: Math.min(1, count / bytes) }
    }
    await broadcast(WARM_UP)
    const idle = {
      rss: (after.rss - before.rss) / clients,
      heap: (after.heap - before.heap) / clients,
    }
    return { ...(await broadcast(load.broadcasts)), idle }
  } finally {
    for (const child of children) await child.close()
  }
}
