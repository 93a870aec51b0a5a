import type { Limits } from '../../../lib/base/limits.ts'
import type { Channel } from '../../../lib/channel/channel.ts'
import { Envelope } from '../../../lib/message/envelope.ts'
import { makeRule } from '../../../lib/message/rule.ts'
import { channelOver, randomOf, Simulation } from '../fakes/simulation.ts'
import type { Cell, PathShape } from './cells.ts'
import { PathLink, whenFree } from './path-link.ts'

export interface Outcome {
  /** Shares of the cosmetic messages that were lost: of those offered in the first 2 s, and after. */
  readonly lostAtStart: number
  readonly lost: number
  /** Of those in the first seconds and round trips after a move; they count as no others. */
  readonly lostAtMove: number
  /** Emit to receipt, after the first 2 s, milliseconds. */
  readonly criticalP50: number
  readonly criticalP99: number
  readonly ageP99: number
  /** Bytes carried of what the path could carry, since the latest change of its rate. */
  readonly utilisation: number
  readonly markersASecond: number
  readonly mostBuffered: number
  readonly channel: Channel
}

/** Milliseconds. */
const START_UP = 2000
const AFTERWARDS = 10_000
/** A client that has moved is used to its path after so long and so many round trips. */
const SETTLED = 2000
const SETTLED_ROUNDS = 10

const critical = makeRule('/', 'critical', { class: 'critical' })

/** Sends a cell's load over its path. */
export function play(cell: Cell, limits: Partial<Limits> = {}, seed = 1): Outcome {
  const simulation = new Simulation()
  const random = randomOf(seed)
  const link = new PathLink(cell, simulation, random)
  const cosmetic = makeRule('/', 'cosmetic', { class: 'cosmetic' })
  const { channel } = channelOver(simulation, link, limits, { busy: cell.busyServer })
  const end = START_UP + (cell.seconds ?? 20) * 1000
  const offered = { start: 0, move: 0, later: 0 }
  const received = { start: 0, move: 0, later: 0 }
  const { at: movedAt = end, to } = cell.moves ?? {}
  const settledAt = movedAt + SETTLED + SETTLED_ROUNDS * longestRoundTrip(to)
  const phaseOf = (at: number) =>
    at < START_UP ? 'start' : at >= movedAt && at < settledAt ? 'move' : 'later'
  const latencies: number[] = []
  const ages: number[] = []
  link.onReceived = ({ rule, emittedAt }, at) => {
    const phase = phaseOf(emittedAt)
    if (rule === cosmetic) received[phase]++
    if (phase === 'later') (rule === critical ? latencies : ages).push(at - emittedAt)
  }
  let mostBuffered = 0
  const lost = (phase: keyof typeof offered) =>
    offered[phase] > 0 ? 1 - received[phase] / offered[phase] : 0
  const emit = (rule: typeof critical): void => {
    const { now } = simulation
    if (rule === cosmetic) offered[phaseOf(now)]++
    const bytes = rule === critical ? (cell.criticalBytes ?? cell.bytes) : cell.bytes
    channel.offer(message(rule, bytes, now), now)
    mostBuffered = Math.max(mostBuffered, channel.buffered)
  }
  const repeat = (first: number, every: number, run: () => void): void => {
    const tick = (): void => {
      if (simulation.now >= end) return
      const { rests, busyServer } = cell
      const isOn = !rests || simulation.now % (rests.on + rests.off) < rests.on
      if (isOn) run()
      const next = simulation.now + every
      simulation.at(busyServer ? whenFree(next, busyServer) : next, tick)
    }
    simulation.at(first, tick)
  }
  let count = 0
  repeat(100, cell.every, () => {
    for (let n = 0; n < cell.messages; n++) {
      const isCritical = cell.criticalEvery !== undefined && ++count % cell.criticalEvery === 0
      emit(isCritical ? critical : cosmetic)
    }
  })
  if (cell.criticalEvery === undefined) repeat(150, cell.critical ?? 487.3, () => emit(critical))
  const changedAt = vary(cell, link, simulation, random, end)
  const from = Math.max(START_UP, changedAt)
  simulation.run(from)
  const before = link.carried
  simulation.run(end)
  const utilisation = (link.carried - before) / ((end - from) * link.rate)
  const markersASecond = link.markers / (end / 1000)
  simulation.run(end + AFTERWARDS)
  return {
    lostAtStart: lost('start'),
    lost: lost('later'),
    lostAtMove: lost('move'),
    criticalP50: quantile(latencies, 0.5),
    criticalP99: quantile(latencies, 0.99),
    ageP99: quantile(ages, 0.99),
    utilisation,
    markersASecond,
    mostBuffered,
    channel,
  }
}

/** @returns when the rate is changed for good */
function vary(
  { kbit, changes = [], competing, moves }: Cell,
  link: PathLink,
  simulation: Simulation,
  random: () => number,
  end: number,
): number {
  let changedAt = 0
  for (const [at, to] of changes) {
    simulation.at(at, () => link.setRate(to / 8))
    changedAt = at
  }
  if (moves) simulation.at(moves.at, () => link.move(moves.to))
  if (competing) {
    const rate = kbit / 8
    for (let at = random() * competing.every; at < end; at += competing.every) {
      simulation.at(at, () => link.setRate(rate * (1 - competing.share)))
      simulation.at(at + competing.lasts, () => link.setRate(rate))
    }
  }
  return changedAt
}

function quantile(values: number[], share: number): number {
  const sorted = values.sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? 0
}

const paddings = new Map<number, string>()

function message(rule: typeof critical, bytes: number, emittedAt: number): Envelope {
  const header = bytes < 129 ? 3 : bytes < 65_541 ? 5 : 11
  const padding = paddings.get(bytes) ?? 'x'.repeat(bytes - header)
  paddings.set(bytes, padding)
  return new Envelope({ rule, kind: 'event', namespace: '/', parts: [padding], emittedAt })
}

function longestRoundTrip({ rtt = 0, jitter = 0, bunch = 0 }: Partial<PathShape> = {}): number {
  return rtt + 2 * (jitter + bunch)
}

/** Whether answers are late on it by themselves, or its rate changes for a while. */
export function isNoisy({ moves, competing, ...path }: Cell): boolean {
  return [path, moves?.to].some(isUneven) || competing !== undefined
}

function isUneven({ jitter, bunch, loss, busyClient }: Partial<PathShape> = {}): boolean {
  return Boolean(jitter || bunch || loss || busyClient)
}
