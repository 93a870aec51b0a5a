import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import type { Server } from 'socket.io'
import { MiB } from '../../lib/base/units.ts'
import type { Spillway } from '../../lib/spillway.ts'

/** What a server keeps; all of it is as before when a fault is over. */
export type Readings = ReturnType<typeof readingsOf>

export function readingsOf(io: Server, spillway: Spillway) {
  const { buffered } = spillway.stats()
  let queued = 0
  let inFlight = 0
  let outstanding = 0
  for (const client of spillway.clients()) {
    queued += client.queued
    inFlight += client.inFlight
    outstanding += client.outstanding
  }
  return {
    /** Bytes: of those that are watched, and of everyone; `held` in the ledger. */
    buffered,
    queued,
    inFlight,
    outstanding,
    ...spillway.readings.sizes,
    rules: [...spillway.readings.rules()].length,
    connections: io.engine.clientsCount,
    sockets: io.of('/').sockets.size,
    namespaces: io._nsps.size,
  }
}

/** Of a server whose clients have everything. */
export const NOTHING = {
  held: 0,
  buffered: 0,
  queued: 0,
  inFlight: 0,
  outstanding: 0,
  congested: 0,
  watched: 0,
  wakers: 0,
  lingering: 0,
  strays: 0,
  lap: 0,
} satisfies Partial<Readings>

/** Of what is not as before. */
export function differencesOf(before: Readings, after: Readings): string[] {
  return Object.entries(before)
    .filter(([name, value]) => after[name as keyof Readings] !== value)
    .map(([name, value]) => `${name}: ${value} before, ${after[name as keyof Readings]} after`)
}

/** Bytes that are not known to be delivered, by whatever account has most. */
export function accounted({ held, buffered, queued, inFlight, outstanding }: Readings): number {
  return Math.max(held, buffered, queued + inFlight, outstanding)
}

/** What keeps a process alive, by kind; timers come and go. */
export function openHandles(): Readonly<Record<string, number>> {
  const counts: Record<string, number> = {}
  for (const kind of process.getActiveResourcesInfo()) {
    if (kind !== 'Timeout' && kind !== 'Immediate') counts[kind] = (counts[kind] ?? 0) + 1
  }
  return counts
}

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

/** Bytes alive. */
export async function heapAlive(): Promise<number> {
  for (let pass = 0; pass < GC_PASSES; pass++) {
    await new Promise((resolve) => setTimeout(resolve, 5))
    collectGarbage()
  }
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

/** What only a finaliser lets go of is free after the next. */
const GC_PASSES = 3

/** Less than one message an emit, of either class, adds up to in a run; compiled code comes and goes. */
export const HEAP_TOLERANCE = 2 * MiB
