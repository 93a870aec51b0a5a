import { setTimeout as sleep } from 'node:timers/promises'
import { percentiles } from '../../demo/headless/figures.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { type ProcessFigures, ProcessMeter } from '../harness/process-meter.ts'
import { round } from '../harness/statistics.ts'
import { type Kind, LEAVINGS, type Leaving, Visitor } from './visitor.ts'

/** The clients of the soak: so many are connected all the time, but not the same ones. */

/** At once, so that the server's backlog of connections is not the limit. */
const BATCH = 50
const POLL_MS = 20
const CHURN_EVERY_MS = 100
/** Closed by the server: as socket.io-client does at first. */
const RETURN_MS = 1000
/** Long enough for what is under way. */
const AFTER_MS = 5000

interface OpenOptions {
  readonly host: string
  readonly port: number
  readonly counts: Readonly<Record<Kind, number>>
}

/** One a connection that is to be there. */
const present: Visitor[] = []
/** That the server has not noticed yet. */
const silent = new Set<Visitor>()
/** Of those who are gone. */
const past = { lost: 0, doubled: 0, reordered: 0, rooms: 0 }
const latencies: Record<Kind, number[]> = { healthy: [], slow: [], stopped: [] }
const left: Record<Leaving, number> = { left: 0, closed: 0, reset: 0, silent: 0 }
/** By the server. */
const closed: Record<Kind, number> = { healthy: 0, slow: 0, stopped: 0 }
/** Of the healthy ones: nobody should be. */
const closedHealthy: Array<{ readonly joined: boolean; readonly after_s: number }> = []
const meter = new ProcessMeter()
let unanswered = 0
let at: Pick<OpenOptions, 'host' | 'port'> = { host: '', port: 0 }
let stopping = false
let churn: NodeJS.Timeout | undefined
let turn = 0

function visit(kind: Kind, place: number): Visitor {
  const visitor = new Visitor(kind, at.host, at.port, (gone) => {
    silent.delete(gone)
    if (gone.leaving !== undefined || present[place] !== gone) return
    closed[gone.kind]++
    if (gone.kind === 'healthy') {
      const after = (performance.now() - gone.startedAt) / 1000
      closedHealthy.push({ joined: gone.isConnected, after_s: round(after, 1) })
    }
    take(gone)
    setTimeout(() => {
      if (present[place] === gone) visit(kind, place)
    }, RETURN_MS).unref()
  })
  visitor.stopsReading = stopping && kind === 'stopped'
  present[place] = visitor
  return visitor
}

/** What it has missed goes into the sums; what it was about to be sent is nobody's loss. */
function take({ kind, toAll, room, latencies: heard, isConnected, isAnswered }: Visitor): void {
  if (kind !== 'stopped') {
    past.lost += toAll.gaps
    past.rooms += room.gaps + room.doubled + room.reordered
    if (isConnected && !isAnswered) unanswered++
  }
  past.doubled += toAll.doubled
  past.reordered += toAll.reordered
  for (const millis of heard) latencies[kind].push(millis)
}

/** Somebody leaves, and somebody else comes. */
function replace(): void {
  const place = Math.floor(Math.random() * present.length)
  const visitor = present[place]!
  // neither does somebody come twice in a moment, nor do they all become those that read nothing
  if (visitor.kind === 'stopped' || !visitor.isConnected || visitor.isGone) return
  const how = LEAVINGS[turn++ % LEAVINGS.length]!
  left[how]++
  if (how === 'silent') silent.add(visitor)
  take(visitor)
  visitor.leave(how)
  visit(visitor.kind, place)
}

function deafOnes(): Visitor[] {
  return [...present.filter(({ stopsReading }) => stopsReading), ...silent]
}

const handlers = {
  async open({ host, port, counts }: OpenOptions): Promise<void> {
    at = { host, port }
    const kinds = (Object.entries(counts) as Array<[Kind, number]>).flatMap(([kind, count]) =>
      Array.from({ length: count }, () => kind),
    )
    for (let i = 0; i < kinds.length; i += BATCH) {
      const batch = kinds.slice(i, i + BATCH).map((kind, n) => visit(kind, i + n))
      while (batch.some(({ isConnected, isGone }) => !isConnected && !isGone)) await sleep(POLL_MS)
    }
  },

  /** @param aSecond clients that leave, and come */
  start({ aSecond }: { aSecond: number }): void {
    meter.start()
    stopping = true
    for (const visitor of present) visitor.stopsReading = visitor.kind === 'stopped'
    let owed = 0
    churn = setInterval(() => {
      for (owed += (aSecond * CHURN_EVERY_MS) / 1000; owed >= 1; owed--) replace()
    }, CHURN_EVERY_MS)
  },

  stop(): ProcessFigures {
    clearInterval(churn)
    return meter.stop()
  },

  /** Ports of those that don't read, and so don't hear that they were closed. */
  deaf: (): number[] => deafOnes().flatMap(({ localPort }) => localPort ?? []),

  /** Tells them. */
  closed(ports: readonly number[]): void {
    const gone = new Set(ports)
    for (const visitor of deafOnes()) if (gone.has(visitor.localPort ?? 0)) visitor.end()
  },

  /** @param last sequence number of the latest critical message; waits a while for it */
  async results({ last }: { last: number }) {
    await sleep(AFTER_MS)
    const stayed = present.filter(({ kind, isGone }) => kind !== 'stopped' && !isGone)
    let [behind, atEnd] = [0, 0]
    for (const visitor of stayed) {
      atEnd += visitor.toAll.lost(last) > 0 ? 1 : 0
      behind += visitor.toAll.lost(last) - visitor.toAll.gaps
      take(visitor)
    }
    return {
      stayed: stayed.length,
      lost: past.lost + behind,
      /** How many have missed something. */
      losers: atEnd,
      doubled: past.doubled,
      reordered: past.reordered,
      /** Lost, doubled or reordered in a room. */
      rooms: past.rooms,
      unanswered,
      left,
      closed,
      closedHealthy,
      latencies: { healthy: percentiles(latencies.healthy), slow: percentiles(latencies.slow) },
    }
  },

  /** Everybody, in good order or not. */
  leave(): void {
    for (const [index, visitor] of present.entries()) {
      if (visitor.isGone) continue
      if (visitor.stopsReading || index % 2) visitor.end()
      else visitor.leave('left')
    }
    for (const visitor of silent) visitor.end()
    present.length = 0
  },
}
export type ClientHandlers = typeof handlers

serve(handlers)
