import { type Percentiles, table } from '../../demo/headless/figures.ts'
import type { Scenario } from '../harness/scenario.ts'
import { round } from '../harness/statistics.ts'
import { SUBJECTS } from './subjects.ts'
import { runTrial, type Trial } from './trial.ts'

/** What clients that stay connected notice when thousands of others are cut off and come back at once. */
export const storm: Scenario = {
  usage: `  --connections <n>      that stay connected; default 2000
  --storm <n>            others, that are cut off and come back at once; default 5000
  --seconds <n>          of calm, and of storm; default 30
  --bytes <n>            of a message; default 2048
  --backlog <n>          of connections to be accepted; default 511, as Node's
  --loop-delay <n>       of the admission, in milliseconds; default 20
  --retry-after <n>      the same; default 5000
  --subjects <a,b>       default ${SUBJECTS.join(',')}`,

  prepare(args) {
    const options = {
      connections: args.number('connections', { default: 2000, min: 10, max: 10_000 }),
      storm: args.number('storm', { default: 5000, min: 10, max: 10_000 }),
      seconds: args.number('seconds', { default: 30, min: 5, max: 600 }),
      bytes: args.number('bytes', { default: 2048, min: 128, max: 65_536 }),
      backlog: args.number('backlog', { default: 511, min: 1, max: 65_535 }),
      admission: {
        loopDelay: args.number('loop-delay', { default: 20, min: 10, max: 60_000 }),
        retryAfter: args.number('retry-after', { default: 5000, min: 100, max: 60_000 }),
      },
    }
    const subjects = args.names('subjects', SUBJECTS)

    return async (signal) => {
      const figures: Record<string, Figures> = {}
      for (const subject of subjects) {
        console.error(
          `${subject}: ${options.connections} connections stay, ${options.storm} come back`,
        )
        figures[subject] = figuresOf(await runTrial({ ...options, subject }, signal))
      }
      return { text: tableOf(figures), figures: { ...options, subjects: figures } }
    }
  },
}

type Figures = ReturnType<typeof figuresOf>

function figuresOf({ calm, storm }: Trial) {
  const [before, during] = [calm.heed.latency, storm.heed.latency]
  const { millis, connected, refusals, failures } = storm.crowd
  return {
    critical_ms: { calm: before, storm: during },
    ratio: { p50: ratio(during.p50, before.p50), p99: ratio(during.p99, before.p99) },
    critical_missing: calm.heed.missing + storm.heed.missing,
    closed_healthy: storm.heed.closed,
    connected,
    all_connected_s: millis === null ? null : round(millis / 1000, 1),
    refused: refusals,
    refused_by: storm.phase.refused,
    failed: failures,
    loop_delay_ms: {
      calm: calm.phase.process.loop_delay_ms,
      storm: storm.phase.process.loop_delay_ms,
    },
    cpu_share: {
      calm: calm.phase.process.cpu_share,
      storm: storm.phase.process.cpu_share,
    },
    /** Of the process of the clients that are measured: what the server is not to blame for. */
    client_delay_max_ms: {
      calm: round(calm.heed.ownDelay, 1),
      storm: round(storm.heed.ownDelay, 1),
    },
  }
}

function ratio(during: number | null, before: number | null): number | null {
  return during === null || !before ? null : round(during / before, 2)
}

function tableOf(figures: Readonly<Record<string, Figures>>): string {
  const head = [
    '',
    'critical p50 / p99 / max ms: calm',
    'storm',
    'p99 ratio',
    'all connected s',
    'refused',
    'failed',
    'loop p99 / max ms: calm',
    'storm',
  ]
  const shown = ({ p50, p99, max }: Percentiles) => `${p50} / ${p99} / ${max}`
  const rows = Object.entries(figures).map(([name, of]) => [
    name,
    shown(of.critical_ms.calm),
    shown(of.critical_ms.storm),
    String(of.ratio.p99),
    String(of.all_connected_s),
    String(of.refused),
    String(of.failed),
    `${of.loop_delay_ms.calm.p99} / ${of.loop_delay_ms.calm.max}`,
    `${of.loop_delay_ms.storm.p99} / ${of.loop_delay_ms.storm.max}`,
  ])
  return table([head, ...rows])
}
