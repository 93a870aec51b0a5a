import { table } from '../../demo/figures.ts'
import { Child } from '../child.ts'
import type { Scenario } from '../scenarios.ts'
import { median, round } from '../statistics.ts'
import type { ClientHandlers } from './client.ts'
import type { ServerHandlers } from './server.ts'
import { SUBJECTS, type Subject } from './subjects.ts'

interface Load {
  readonly messages: number
  readonly bytes: number
  readonly clients: number
  /** Emitted in one tick. */
  readonly batch: number
}

interface Run {
  /** Of the server's CPU time, for each message and client. */
  readonly micros: number
  /** Of what was sent. */
  readonly received: number
}

/** Enough that hot code is compiled. */
const WARM_UP = 4000
const LOAD_MS = 300_000
const DRAIN_MS = 2000

/** What a client that keeps up costs. */
export const overhead: Scenario = {
  usage: `  --rounds <n>           each with all subjects, in changing order; default 6
  --messages <n>         a round; default 20000
  --bytes <n>            of a message; default 2048
  --clients <n>          default 4
  --batch <n>            emitted in one tick, at 2000 a second in all; default 20
  --subjects <a,b>       default ${SUBJECTS.join(',')}`,

  prepare(args) {
    const rounds = args.number('rounds', { default: 6, min: 1, max: 100 })
    const load = {
      messages: args.number('messages', { default: 20_000, min: 100, max: 500_000 }),
      bytes: args.number('bytes', { default: 2048, min: 128, max: 65_536 }),
      clients: args.number('clients', { default: 4, min: 1, max: 64 }),
      batch: args.number('batch', { default: 20, min: 1, max: 1000 }),
    }
    const subjects = args.names('subjects', SUBJECTS)

    return async (signal) => {
      const runs = new Map<Subject, Run[]>(subjects.map((subject) => [subject, []]))
      for (let round = 0; round < rounds; round++) {
        for (let i = 0; i < subjects.length; i++) {
          const subject = subjects[(i + round) % subjects.length]!
          const run = await runOnce(subject, load, signal)
          runs.get(subject)!.push(run)
          console.error(`round ${round + 1}, ${subject}: ${run.micros.toFixed(3)} us a message`)
        }
      }
      return reportOf(runs, rounds, load)
    }
  },
}

async function runOnce(subject: Subject, load: Load, signal: AbortSignal): Promise<Run> {
  const { messages, bytes, clients, batch } = load
  const server = new Child<ServerHandlers>(new URL('server.ts', import.meta.url), { signal })
  try {
    const client = new Child<ClientHandlers>(new URL('client.ts', import.meta.url), { signal })
    try {
      await client.ask('connect', { port: await server.ask('open', { subject }), clients })
      await server.ask('load', { messages: WARM_UP, bytes, batch }, LOAD_MS)
      await client.ask('drain', { expected: WARM_UP * clients, mostMs: DRAIN_MS })
      const micros = await server.ask('load', { messages, bytes, batch }, LOAD_MS)
      const expected = messages * clients
      const received = await client.ask('drain', { expected, mostMs: DRAIN_MS })
      return { micros: micros / expected, received: received / expected }
    } finally {
      await client.close()
    }
  } finally {
    await server.close()
  }
}

function reportOf(runs: ReadonlyMap<Subject, readonly Run[]>, rounds: number, load: Load) {
  const medians = new Map(
    [...runs].map(([name, of]) => [name, median(of.map((run) => run.micros))]),
  )
  const subjects = Object.fromEntries(
    [...runs].map(([name, of]) => [
      name,
      {
        us_per_message: round(medians.get(name)!),
        runs: of.map(({ micros }) => round(micros)),
        received: Math.min(...of.map(({ received }) => received)),
      },
    ]),
  )
  const ratio = (a: Subject, b: Subject): number | null => {
    const [above, below] = [medians.get(a), medians.get(b)]
    return above === undefined || below === undefined ? null : round(above / below)
  }
  const ratios = {
    'spillway / socket.io': ratio('spillway', 'socket.io'),
    'spillway / spillway-no-window': ratio('spillway', 'spillway-no-window'),
  }
  const rows = Object.entries(subjects).map(([name, of]) => [
    name,
    of.us_per_message.toFixed(3),
    `${(100 * of.received).toFixed(1)}%`,
  ])
  const lines = Object.entries(ratios).map(([name, value]) => `${name}: ${value ?? '-'}`)
  const text = [table([['', 'us a message', 'received'], ...rows]), ...lines].join('\n')
  return { text, figures: { rounds, ...load, subjects, ratios } }
}
