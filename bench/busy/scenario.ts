import { setTimeout as sleep } from 'node:timers/promises'
import { percentiles, table } from '../../demo/headless/figures.ts'
import { Child } from '../../spec/support/process/child.ts'
import { checkOpenFiles } from '../harness/open-files.ts'
import type { Scenario } from '../harness/scenario.ts'
import { round } from '../harness/statistics.ts'
import type { ClientHandlers, Received } from '../lobby/client.ts'
import {
  type Loaded,
  type LoadOptions,
  type ServerHandlers,
  SUBJECTS,
  type Subject,
} from './server.ts'

/** Longer than anything takes that is not told to take longer. */
const CONNECT_MS = 180_000
/** In which the last markers of connecting are written and answered. */
const SETTLE_MS = 2000

interface Options extends LoadOptions {
  readonly clients: number
}

/**
 * What clients lose that keep up with a server which does not: its event loop is held, so that it
 * reads late what they have answered in time.
 */
export const busy: Scenario = {
  usage: `  --clients <n>          on loopback; default 5000
  --seconds <n>          of load, 2 KB every 500 ms, every fourth message critical; default 30
  --bytes <n>            of a message; default 2048
  --hold <%>             of the time, in which the event loop is held; default 33
  --slice <ms>           at a time; default 50
  --subjects <a,b>       default ${SUBJECTS.join(',')}`,

  prepare(args) {
    const options: Options = {
      clients: args.number('clients', { default: 5000, min: 10, max: 14_000 }),
      seconds: args.number('seconds', { default: 30, min: 2, max: 600 }),
      bytes: args.number('bytes', { default: 2048, min: 128, max: 65_536 }),
      share: args.number('hold', { default: 33, min: 1, max: 80 }) / 100,
      sliceMs: args.number('slice', { default: 50, min: 1, max: 5000 }),
    }
    const subjects = args.names('subjects', SUBJECTS)
    checkOpenFiles(options.clients)

    return async (signal) => {
      const figures: Record<string, Figures> = {}
      for (const subject of subjects) {
        console.error(`${subject}: ${options.clients} clients, ${options.seconds} s of load`)
        figures[subject] = await runTrial(subject, options, signal)
      }
      const { clients, seconds, bytes, share, sliceMs } = options
      return {
        text: tableOf(figures),
        figures: { clients, seconds, bytes, hold: share, slice_ms: sliceMs, subjects: figures },
      }
    }
  },
}

async function runTrial(subject: Subject, options: Options, signal: AbortSignal) {
  const children: Array<{ close(): Promise<void> }> = []
  try {
    const server = new Child<ServerHandlers>(new URL('server.js', import.meta.url), { signal })
    children.unshift(server)
    const module = new URL('../lobby/client.js', import.meta.url)
    const clients = new Child<ClientHandlers>(module, { signal })
    children.unshift(clients)
    const port = await server.ask('open', subject)
    const counts = { healthy: options.clients }
    await clients.ask('open', { host: '127.0.0.1', port, counts }, CONNECT_MS)
    await sleep(SETTLE_MS)
    const loaded = await server.ask('load', options, options.seconds * 3000 + CONNECT_MS)
    const { healthy } = await clients.ask('results', { last: loaded.critical }, CONNECT_MS)
    return figuresOf(subject, loaded, healthy!)
  } finally {
    for (const child of children) await child.close()
  }
}

type Figures = ReturnType<typeof figuresOf>

function figuresOf(subject: Subject, loaded: Loaded, received: Received) {
  const { shed, cosmetic, censuses } = loaded
  const isKnown = subject === 'spillway'
  const most = (of: (census: Loaded['censuses'][number]) => number) =>
    isKnown ? Math.max(0, ...censuses.map(of)) : null
  return {
    connections: loaded.connections,
    cosmetic_offered: cosmetic,
    /** Shares of the cosmetic messages that a client was offered; `null` if nobody counts them. */
    shed_most: isKnown ? round(Math.max(0, ...shed) / cosmetic, 4) : null,
    shed_mean: isKnown ? round(sum(shed) / Math.max(1, shed.length) / cosmetic, 4) : null,
    clients_shed: isKnown ? shed.filter((count) => count > 0).length : null,
    /** At any time. */
    clients_congested: isKnown ? loaded.congested : null,
    /** At one time. */
    congested_most: isKnown ? loaded.congestedAtOnce : null,
    windowed_most: most(({ states }) => states.windowed),
    losing_most: most(({ losing }) => losing),
    critical_ms: percentiles(received.latencies),
    critical_lost: received.lost,
    ...loaded.process,
    reasons: loaded.reasons,
  }
}

function tableOf(figures: Readonly<Record<string, Figures>>): string {
  const head = [
    '',
    'shed: most',
    'mean',
    'clients',
    'congested ever / at once',
    'windowed at once',
    'losing',
    'critical p50 / p99 ms',
    'lost',
    'loop p99 / max ms',
    'CPU',
  ]
  const percent = (value: number | null) => (value === null ? '-' : `${(100 * value).toFixed(2)}%`)
  const rows = Object.entries(figures).map(([name, of]) => [
    name,
    percent(of.shed_most),
    percent(of.shed_mean),
    String(of.clients_shed ?? '-'),
    `${of.clients_congested ?? '-'} / ${of.congested_most ?? '-'}`,
    String(of.windowed_most ?? '-'),
    String(of.losing_most ?? '-'),
    `${of.critical_ms.p50} / ${of.critical_ms.p99}`,
    String(of.critical_lost),
    `${of.loop_delay_ms.p99} / ${of.loop_delay_ms.max}`,
    String(of.cpu_share),
  ])
  return table([head, ...rows])
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
