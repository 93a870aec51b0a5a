import { fileURLToPath } from 'node:url'
import { percentiles, table } from '../../demo/headless/figures.ts'
import { Child } from '../../spec/support/process/child.ts'
import { type Arguments, UsageError } from '../harness/arguments.ts'
import type { Report, Scenario } from '../harness/scenario.ts'
import { median, round } from '../harness/statistics.ts'
import type { BunHandlers } from './bun-server.ts'
import type { ClientHandlers } from './client.ts'
import type { Load, Measured } from './measure.ts'
import type { ServerHandlers } from './server.ts'
import { PROTOCOL, SUBJECTS, type Subject, textOf } from './subjects.ts'

interface Options {
  readonly rounds: number
  readonly clients: number
  readonly load: Load
  readonly subjects: readonly Subject[]
}

interface Running {
  readonly port: number
  readonly rounds: Measured[]
  measure(load: Load): Promise<Measured>
}

const WARM_UP = 10
const CONNECT_MS = 120_000
const ROUND_MS = 120_000
const DRAIN_MS = 5000
const KNOCK_MS = 3000

/** What a broadcast to clients that keep up costs, and how long it holds the event loop. */
export const fanout: Scenario = {
  usage: `  --clients <n>          of each subject; default 1000
  --bytes <n>            of a message; default 2048
  --burst <n>            messages in one tick; default 1
  --broadcasts <n>       a round; default 40
  --rounds <n>           each with all subjects, in changing order; default 5
  --subjects <a,b>       default ${SUBJECTS.join(',')}`,

  prepare(args: Arguments) {
    const options: Options = {
      rounds: args.number('rounds', { default: 5, min: 1, max: 100 }),
      clients: args.number('clients', { default: 1000, min: 1, max: 14_000 }),
      load: {
        broadcasts: args.number('broadcasts', { default: 40, min: 1, max: 1000 }),
        burst: args.number('burst', { default: 1, min: 1, max: 64 }),
        bytes: args.number('bytes', { default: 2048, min: 128, max: 65_536 }),
      },
      subjects: args.names('subjects', SUBJECTS),
    }
    if (options.subjects.includes('uws')) bunPath()
    return (signal) => run(options, signal)
  },
}

async function run(options: Options, signal: AbortSignal): Promise<Report> {
  const { rounds, clients, load, subjects } = options
  const children: Array<{ close(): Promise<void> }> = []
  try {
    const client = new Child<ClientHandlers>(new URL('client.js', import.meta.url), { signal })
    children.push(client)
    const running = new Map<Subject, Running>()
    for (const name of subjects) {
      const { child, server } = await startSubject(name, load.bytes, signal)
      children.push(child)
      running.set(name, server)
      const protocol = PROTOCOL[name]
      await client.ask('open', { port: server.port, clients, protocol }, CONNECT_MS)
    }
    // what is not sent costs nothing: with clients that are gone a round would measure nothing
    const drain = async (name: Subject, broadcasts: number) => {
      const { port } = running.get(name)!
      const bytes = broadcasts * load.burst * load.bytes * clients
      const asked = { port, bytes, mostMs: DRAIN_MS }
      const received = await client.ask('drain', asked, DRAIN_MS + ROUND_MS)
      if (received >= bytes) return
      throw new Error(`${name}: its clients received ${received} of ${bytes} bytes`)
    }
    for (const [name, { measure }] of running) {
      await measure({ ...load, broadcasts: WARM_UP })
      await drain(name, WARM_UP)
    }
    for (let n = 0; n < rounds; n++) {
      for (let i = 0; i < subjects.length; i++) {
        const name = subjects[(i + n) % subjects.length]!
        const { measure, rounds: done } = running.get(name)!
        const measured = await measure(load)
        done.push(measured)
        await drain(name, load.broadcasts)
        console.error(`round ${n + 1}, ${name}: ${microsOf(measured, options).toFixed(2)} us`)
      }
    }
    const accepts = new Map<Subject, number[]>()
    for (const [name, { port, measure }] of running) {
      const knocking = client.ask('knock', { port, forMs: KNOCK_MS }, ROUND_MS)
      await measure({ ...load, broadcasts: Math.ceil(KNOCK_MS / 200) })
      accepts.set(name, await knocking)
      await client.ask('drain', { port, bytes: 0, mostMs: 0 })
    }
    return reportOf(running, accepts, options)
  } finally {
    for (const child of children) await child.close()
  }
}

async function startSubject(name: Subject, bytes: number, signal: AbortSignal) {
  const rounds: Measured[] = []
  if (name === 'uws') {
    const runtime = [bunPath()]
    const module = new URL('bun-server.js', import.meta.url)
    const child = new Child<BunHandlers>(module, { signal, runtime })
    const port = await child.ask('open', { text: textOf(bytes) })
    const measure = (load: Load) => child.ask('measure', load, ROUND_MS)
    return { child, server: { port, rounds, measure } }
  }
  const child = new Child<ServerHandlers>(new URL('server.js', import.meta.url), { signal })
  const port = await child.ask('open', { name, bytes })
  const measure = (load: Load) => child.ask('measure', load, ROUND_MS)
  return { child, server: { port, rounds, measure } }
}

/** @throws UsageError */
function bunPath(): string {
  try {
    const manifest = import.meta.resolve('@oven/bun-linux-x64/package.json')
    return fileURLToPath(new URL('bin/bun', manifest))
  } catch {
    throw new UsageError('uws: its package is not installed; run npm ci --prefix bench')
  }
}

function microsOf({ cpuMicros }: Measured, { load, clients }: Options): number {
  return cpuMicros / (load.broadcasts * load.burst * clients)
}

function reportOf(
  running: ReadonlyMap<Subject, Running>,
  accepts: ReadonlyMap<Subject, readonly number[]>,
  options: Options,
): Report {
  const subjects = Object.fromEntries(
    Array.from(running, ([name, { rounds }]) => {
      const blocks = percentiles(rounds.flatMap((each) => each.blocks))
      const accept = percentiles(accepts.get(name)!)
      return [
        name,
        {
          cpu_us_per_message: round(median(rounds.map((each) => microsOf(each, options)))),
          loop_block_ms: { p50: round(blocks.p50!, 1), max: round(blocks.max!, 1) },
          accept_ms: { p50: round(accept.p50!, 1), p99: round(accept.p99!, 1) },
          rss_mb: round(Math.max(...rounds.map((each) => each.rss)) / 1e6, 0),
        },
      ]
    }),
  )
  const own = subjects.spillway?.cpu_us_per_message
  const ratio = Object.fromEntries(
    Object.entries(subjects).flatMap(([name, of]) =>
      own === undefined || name === 'spillway' ? [] : [[name, round(own / of.cpu_us_per_message)]],
    ),
  )
  const rows = Object.entries(subjects).map(([name, of]) => [
    name,
    of.cpu_us_per_message.toFixed(2),
    ratio[name]?.toFixed(2) ?? '',
    `${of.loop_block_ms.p50} / ${of.loop_block_ms.max}`,
    `${of.accept_ms.p50} / ${of.accept_ms.p99}`,
    String(of.rss_mb),
  ])
  const head = [
    '',
    'CPU us a message',
    'spillway / it',
    'loop block p50 / max ms',
    'accept p50 / p99 ms',
    'RSS MB',
  ]
  const { rounds, clients, load } = options
  return { text: table([head, ...rows]), figures: { rounds, clients, ...load, subjects, ratio } }
}
