import { Envelope } from '../../../lib/message/envelope.ts'
import { makeRule } from '../../../lib/message/rule.ts'
import { type Simulated, simulate } from '../fakes/simulation.ts'

/** A place of the grid: a path, and messages of one size on it. */
export interface Place {
  readonly kbit: number
  readonly rtt: number
  readonly bytes: number
  /** Share of the round trip. */
  readonly jitter?: number
}

export interface Run extends Simulated {
  /** Bytes a millisecond. */
  readonly rate: number
  /** A message's time on the wire. */
  readonly lasts: number
  /** Most that the window may be at this place: three quarters of `high`. */
  readonly ceiling: number
}

const critical = makeRule('/', 'critical', { class: 'critical' })
const cosmetic = makeRule('/', 'cosmetic', { class: 'cosmetic', maxAge: 1e12 })

/** Markers around a message, bytes on the wire: before it, behind it, and of the one before. */
const MARKERS = 30

/**
 * A client for which cosmetic messages always wait, and now and then a critical one is emitted.
 *
 * @param slowest the lowest rate of the run, as a share: critical messages never fill the path
 */
export function run({ kbit, rtt, bytes, jitter = 0 }: Place, slowest = 1): Run {
  const rate = kbit / 8
  const lasts = bytes / rate
  // on a fat path the default of 128 KiB is the limit, and what it allows is what is measured
  const fits = rate * rtt < 256 * 1024 ? 4 * rate * rtt : 0
  const high = Math.max(128 * 1024, 16 * bytes, fits)
  const simulated = simulate(
    { rate, delay: rtt / 2, jitter: rtt * jitter, buffer: 4 * 1024 * 1024 },
    // the ceiling is to be known, so time raises no watermark
    { low: high / 2, high, limit: high * 64, emergency: high * 1024, horizon: 0 },
  )
  const { simulation, channel } = simulated
  const [frame, jackpot] = [message(cosmetic, bytes), message(critical, bytes)]
  const backlog = Math.max(3 * bytes, Math.min(high / 2, rate * 30))
  const emitCosmetic = (): void => {
    // while the client is congested, a message is taken only in place of another
    for (let before = -1; channel.cosmetic.bytes < backlog && before !== channel.queued; ) {
      before = channel.queued
      if (channel.offer(frame, simulation.now) === 'sent') before = -1
    }
    simulation.after(Math.max(1, Math.min(lasts / 2, lasts > 2000 ? 1000 : 20)), emitCosmetic)
  }
  const gap = Math.max(7.3, (7.31 * lasts) / slowest)
  const emitCritical = (): void => {
    channel.offer(jackpot, simulation.now)
    simulation.after(gap, emitCritical)
  }
  emitCosmetic()
  simulation.after(gap, emitCritical)
  return { ...simulated, rate, lasts, ceiling: high * 0.75 }
}

/** A timer comes up to a millisecond late, and what the window allows for that, milliseconds. */
const TICK = 1.1

export interface Measured {
  /** Longest queue ahead of a critical message, milliseconds. */
  readonly queue: number
  /** The most that it may be: one message on the wire, or 1.5 round trips; two ticks more. */
  readonly allowed: number
  /** Share of what the path, or the ceiling of the window, allows. */
  readonly utilisation: number
}

/** Runs from one instant to another, in which the path has one rate. */
export function measure(run: Run, place: Place, from: number, to: number): Measured {
  const { simulation, link } = run
  const { rate } = link.path
  simulation.run(from)
  const before = link.carried
  simulation.run(to)
  const carried = (link.carried - before) / ((to - from) * rate)
  const delays = link.queueDelays
    .filter(({ envelope, at }) => envelope.rule === critical && at >= from && at < to)
    .map(({ delay }) => delay)
  const possible = Math.min(1, run.ceiling / (rate * (place.rtt + TICK)))
  return {
    queue: Math.max(0, ...delays),
    allowed: Math.max((place.bytes + MARKERS) / rate, 1.5 * place.rtt) + 2 * TICK,
    utilisation: carried / possible,
  }
}

function message(rule: typeof critical, bytes: number): Envelope {
  const overhead = bytes < 129 ? 3 : bytes < 65_541 ? 5 : 11
  return new Envelope({
    rule,
    kind: 'event',
    namespace: '/',
    parts: ['x'.repeat(bytes - overhead)],
    emittedAt: 0,
  })
}
