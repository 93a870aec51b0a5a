import { megabytes, percentiles, table } from '../../demo/headless/figures.ts'
import { type Namespace, openNamespace } from '../../spec/support/paths/network-namespace.ts'
import type { Scenario } from '../harness/scenario.ts'
import { round, slope } from '../harness/statistics.ts'
import type { Kind } from './kind.ts'
import { SUBJECTS } from './server.ts'
import { type Lobby, runTrial, type Trial } from './trial.ts'

/** Of all connections. */
const SHARES = { slow: 0.05, stopped: 0.01, vanishing: 0.01 }
/** The cable to those that vanish is no bottleneck. */
const CABLE_KBIT = 1_000_000

/**
 * A casino lobby: 2 KB every 500 ms to everybody, every fourth message critical; some clients are
 * slow, some stop reading, some vanish without a close.
 */
export const lobby: Scenario = {
  usage: `  --connections <n>      default 14000
  --seconds <n>          of load; default 120
  --bytes <n>            of a message; default 2048
  --subjects <a,b>       default ${SUBJECTS.join(',')}`,

  prepare(args) {
    const connections = args.number('connections', { default: 14_000, min: 100, max: 14_000 })
    const seconds = args.number('seconds', { default: 120, min: 12, max: 7200 })
    const bytes = args.number('bytes', { default: 2048, min: 128, max: 65_536 })
    const subjects = args.names('subjects', SUBJECTS)

    return async (signal) => {
      const figures: Record<string, Figures> = {}
      for (const subject of subjects) {
        console.error(`${subject}: ${connections} connections, ${seconds} s of load`)
        const far = await openFar()
        try {
          const lobby = { seconds, bytes, counts: countsOf(connections, far) }
          figures[subject] = figuresOf(await runTrial(subject, lobby, far, signal), seconds)
        } finally {
          await far?.close()
        }
      }
      return {
        text: tableOf(figures),
        figures: { connections, seconds, bytes, subjects: figures },
      }
    }
  },
}

/** Where those are that vanish; undefined where that is not possible. */
export function openFar(): Promise<Namespace | undefined> {
  return openNamespace(CABLE_KBIT).catch((error: unknown) => {
    console.log(`no network namespace here, nobody vanishes: ${String(error).trim()}`)
    return undefined
  })
}

/** How many are of which kind; those that can't vanish stop reading. */
export function countsOf(connections: number, far: Namespace | undefined): Lobby['counts'] {
  const slow = Math.round(connections * SHARES.slow)
  const vanishing = far ? Math.round(connections * SHARES.vanishing) : 0
  const troubled = Math.round(connections * (SHARES.stopped + SHARES.vanishing))
  const stopped = troubled - vanishing
  return { healthy: connections - slow - troubled, slow, stopped, vanishing }
}

type Figures = ReturnType<typeof figuresOf>

function figuresOf({ idle, load, received }: Trial, seconds: number) {
  const { samples } = load
  const half = samples.filter(({ at }) => at >= seconds * 500)
  const of = (kind: Kind) => rounded(percentiles(received[kind]?.latencies ?? []))
  const kernel = percentiles(samples.map((sample) => sample.kernel))
  return {
    connections: load.connections,
    rss_mb: {
      idle: megabytes(idle.rss),
      max: megabytes(Math.max(...samples.map(({ rss }) => rss))),
      end: megabytes(samples.at(-1)!.rss),
    },
    rss_growth_mb_per_min: round((slope(half.map(({ at, rss }) => [at, rss])) * 60_000) / 1e6, 2),
    ...load.process,
    critical_sent: load.critical,
    critical_ms: { healthy: of('healthy'), slow: of('slow') },
    critical_lost_healthy: received.healthy?.lost ?? null,
    closed: { ...load.reasons, ...load.closed },
    reconnects: Object.fromEntries(
      Object.entries(received).map(([kind, { reconnects }]) => [kind, reconnects]),
    ),
    kernel_socket_mb: {
      idle: megabytes(idle.kernel),
      p50: megabytes(kernel.p50 ?? 0),
      max: megabytes(kernel.max ?? 0),
      end: megabytes(samples.at(-1)!.kernel),
    },
  }
}

function rounded(values: ReturnType<typeof percentiles>) {
  const each = (value: number | null) => (value === null ? null : round(value, 1))
  return { p50: each(values.p50), p99: each(values.p99), max: each(values.max) }
}

function tableOf(figures: Readonly<Record<string, Figures>>): string {
  const head = [
    '',
    'RSS idle / max / end MB',
    'MB a minute',
    'loop p50 / p99 / max ms',
    'CPU',
    'critical p50 / p99: healthy',
    'slow',
    'lost',
    'kernel p50 / max MB',
    'closed',
  ]
  const rows = Object.entries(figures).map(([name, of]) => [
    name,
    `${of.rss_mb.idle} / ${of.rss_mb.max} / ${of.rss_mb.end}`,
    String(of.rss_growth_mb_per_min),
    `${of.loop_delay_ms.p50} / ${of.loop_delay_ms.p99} / ${of.loop_delay_ms.max}`,
    String(of.cpu_share),
    `${of.critical_ms.healthy.p50} / ${of.critical_ms.healthy.p99}`,
    `${of.critical_ms.slow.p50} / ${of.critical_ms.slow.p99}`,
    String(of.critical_lost_healthy),
    `${of.kernel_socket_mb.p50} / ${of.kernel_socket_mb.max}`,
    Object.entries(of.closed)
      .map(([code, count]) => `${code} ${count}`)
      .join(', '),
  ])
  return table([head, ...rows])
}
