import { megabytes, percentiles, table } from '../../demo/headless/figures.ts'
import type { ProcessFigures } from '../harness/process-meter.ts'
import type { Scenario } from '../harness/scenario.ts'
import { round, slope } from '../harness/statistics.ts'
import type { AttackFigures } from './attackers.ts'
import { ATTACK_NAMES, ATTACKS, type Attack, type AttackName } from './attacks.ts'
import { runTrial, type Trial } from './trial.ts'

/** Of all connections. */
const SHARES = { slow: 0.05, stopped: 0.01 }
/** Of the clients, every second: in 20 minutes each is replaced twelve times. */
const CHURN = 0.01
/** Of the minutes: so long the control goes, which has no hostile clients. */
const CONTROL = 0.25
/** At least so many collections, or a line through them says nothing. */
const COLLECTIONS = 12
const MOST_COLLECT_MS = 60_000
/** Of the time: until then pools and compiled code still grow. */
const WARM_UP = 0.25
const HOUR_MS = 3_600_000

/** The lobby with clients that come and go, for long: what grows, and what is left when all have gone. */
export const soak: Scenario = {
  usage: `  --connections <n>      default 5000
  --minutes <n>          default 20
  --churn <n>            clients a second that leave and come; default 1 % of all
  --bytes <n>            of a message; default 2048
  --hostile <percent>    of the connections; default 0
  --attacks <a,b>        kinds of hostile clients; default ${ATTACK_NAMES.join(',')}
  --control <minutes>    without them, before; default a quarter of the minutes, 0: none`,

  prepare(args) {
    const connections = args.number('connections', { default: 5000, min: 100, max: 14_000 })
    const minutes = args.number('minutes', { default: 20, min: 1, max: 1440 })
    const churn = args.number('churn', {
      default: Math.ceil(connections * CHURN),
      min: 0,
      max: 1000,
    })
    const bytes = args.number('bytes', { default: 2048, min: 128, max: 65_536 })
    const percent = args.number('hostile', { default: 0, min: 0, max: 50 })
    const attacks = args.names('attacks', ATTACK_NAMES)
    const control = args.number('control', {
      default: percent > 0 ? Math.ceil(minutes * CONTROL) : 0,
      min: 0,
      max: 1440,
    })
    const hostile = Math.round((connections * percent) / 100)
    const slow = Math.round(connections * SHARES.slow)
    const stopped = Math.round(connections * SHARES.stopped)
    const counts = { healthy: connections - slow - stopped - hostile, slow, stopped }
    const run = async (minutes: number, hostile: number, signal: AbortSignal) => {
      const seconds = 60 * minutes
      const collectEveryMs = Math.min(MOST_COLLECT_MS, (seconds * 1000) / COLLECTIONS)
      console.error(`${hostile} hostile of ${connections}, ${minutes} minutes, ${churn} a second`)
      const load = { seconds, bytes, counts, churn, hostile, attacks, collectEveryMs }
      return figuresOf(await runTrial(load, signal), seconds)
    }

    return async (signal) => {
      const before = control > 0 ? await run(control, 0, signal) : undefined
      const figures = await run(minutes, hostile, signal)
      const parts = [textOf(figures)]
      if (figures.hostile) parts.push(hostileText(figures.hostile))
      if (before) parts.push(controlText(before, figures))
      return {
        text: parts.join('\n\n'),
        figures: {
          ...{ connections, minutes, churn, bytes, hostile_clients: hostile, attacks },
          ...figures,
          control: before && { minutes: control, ...before },
        },
      }
    }
  },
}

type Figures = ReturnType<typeof figuresOf>

function figuresOf({ before, load, left, received, clients, hostile }: Trial, seconds: number) {
  const { samples, alive } = load
  const from = WARM_UP * seconds * 1000
  const later = samples.filter(({ at }) => at >= from)
  const perHour = (points: ReadonlyArray<readonly [number, number]>) =>
    round((slope(points) * HOUR_MS) / 1e6, 1)
  const { handles, ...kept } = left.kept
  return {
    rss_mb: {
      start: megabytes(samples[0]!.rss),
      end: megabytes(samples.at(-1)!.rss),
      max: megabytes(Math.max(...samples.map(({ rss }) => rss))),
    },
    rss_slope_mb_per_hour: perHour(later.map(({ at, rss }) => [at, rss])),
    heap_slope_mb_per_hour: perHour(
      alive.filter(({ at }) => at >= from).map(({ at, heap }) => [at, heap]),
    ),
    /** After a collection: heap and what it holds outside. */
    alive_mb: {
      without_clients: megabytes(before),
      during: alive.map(({ heap }) => megabytes(heap)),
      all_left: megabytes(left.heap),
    },
    connects: left.connects,
    disconnects: left.disconnects,
    critical_sent: load.critical,
    critical_lost: received.lost,
    critical_doubled: received.doubled,
    critical_reordered: received.reordered,
    rooms_wrong: received.rooms,
    acks: { ...load.asked, unanswered_by_server: received.unanswered },
    critical_ms: received.latencies,
    stayed: received.stayed,
    left: received.left,
    closed_by_server: received.closed,
    closed_healthy: received.closedHealthy,
    closed: { ...load.reasons, ...load.closed },
    processes: { server: load.process, clients, attackers: hostile?.process },
    hostile: hostile && hostileOf(load.attackers, hostile),
    kept_at_end: kept,
    handles: { start: samples[0]!.kept.handles, end: handles },
    samples: samples.map(({ at, rss, heapUsed, external, kept }) => ({
      s: Math.round(at / 1000),
      rss_mb: megabytes(rss),
      heap_mb: megabytes(heapUsed),
      external_mb: megabytes(external),
      ...kept,
    })),
  }
}

interface HostileFigures extends AttackFigures {
  /** Seconds after which none may be connected; null: it may stay. */
  readonly within: number | null
  readonly in_time: boolean
}

function hostileOf(
  attackers: Trial['load']['attackers'],
  { ended, open }: NonNullable<Trial['hostile']>,
): Readonly<Record<AttackName, HostileFigures>> {
  const { p50, max } = percentiles(ended)
  const byNode = { count: ended.length, p50: round(p50 ?? 0, 1), max: round(max ?? 0, 1) }
  const halfOpen: AttackFigures = {
    came: ended.length + open.length,
    closed: ended.length > 0 ? { 'by Node': byNode } : {},
    open: open.length,
    oldest: round(Math.max(0, ...open), 1),
  }
  return Object.fromEntries(
    ATTACK_NAMES.map((name) => {
      const of = name === 'halfOpen' ? halfOpen : attackers[name]
      const { within }: Attack = ATTACKS[name]
      const longest = Math.max(of.oldest, ...Object.values(of.closed).map(({ max }) => max))
      return [name, { ...of, within, in_time: within === null || longest <= within }]
    }),
  ) as Record<AttackName, HostileFigures>
}

function hostileText(of: Readonly<Record<AttackName, HostileFigures>>): string {
  const rows = Object.entries(of).map(([name, { came, closed, open, oldest, within, in_time }]) => [
    `${name}: ${ATTACKS[name as AttackName].words}`,
    String(came),
    Object.entries(closed)
      .map(([code, { count, p50, max }]) => `${code} ${count} (${p50}, at most ${max} s)`)
      .join(', '),
    `${open} (${oldest} s)`,
    within === null ? 'may stay' : `${within} s: ${in_time ? 'yes' : 'NO'}`,
  ])
  return table([['hostile', 'came', 'closed', 'open at the end', 'in time'], ...rows])
}

/** What the healthy lose by the hostile, and whether it was the server that was late or a client's process. */
function controlText(control: Figures, hostile: Figures): string {
  const of = ({ critical_ms, processes, rss_mb }: Figures) => [
    `${critical_ms.healthy.p50} / ${critical_ms.healthy.p99}`,
    ...[processes.server, processes.clients].map(busy),
    processes.attackers ? busy(processes.attackers) : '',
    String(rss_mb.max),
  ]
  const busy = ({ loop_delay_ms: { p50, p99, max }, cpu_share, no_core_share }: ProcessFigures) =>
    `${p50} / ${p99} / ${max}, ${cpu_share} (${no_core_share})`
  const head = ['server', 'healthy', 'hostile'].map(
    (name) => `${name}: loop p50 / p99 / max ms, CPU (no core)`,
  )
  return table([
    ['', 'healthy critical p50 / p99 ms', ...head, 'RSS max MB'],
    ['without hostile clients', ...of(control)],
    ['with them', ...of(hostile)],
  ])
}

function textOf(of: Figures): string {
  const { rss_mb, alive_mb, critical_ms } = of
  const loop = of.processes.server.loop_delay_ms
  const list = (counts: Readonly<Record<string, number>>) =>
    Object.entries(counts)
      .map(([name, count]) => `${name} ${count}`)
      .join(', ')
  return table([
    ['RSS start / max / end MB', `${rss_mb.start} / ${rss_mb.max} / ${rss_mb.end}`],
    ['RSS, MB an hour', String(of.rss_slope_mb_per_hour)],
    ['alive, MB an hour', String(of.heap_slope_mb_per_hour)],
    ['alive without clients / all left MB', `${alive_mb.without_clients} / ${alive_mb.all_left}`],
    ['connects / disconnects', `${of.connects} / ${of.disconnects}`],
    [
      'critical sent / lost / doubled / reordered',
      `${of.critical_sent} / ${of.critical_lost} / ${of.critical_doubled} / ${of.critical_reordered}`,
    ],
    ['critical p50 / p99 ms: healthy', `${critical_ms.healthy.p50} / ${critical_ms.healthy.p99}`],
    ['loop p50 / p99 / max ms', `${loop.p50} / ${loop.p99} / ${loop.max}`],
    ['closed', list(of.closed)],
    ['kept at the end', list(of.kept_at_end)],
  ])
}
