import { table } from '../../demo/headless/figures.ts'
import { Child } from '../../spec/support/process/child.ts'
import type { Scenario } from '../harness/scenario.ts'
import { median, round } from '../harness/statistics.ts'
import type { ClientHandlers } from './client.ts'
import type { ServerHandlers, Slice } from './server.ts'
import { SUBJECTS, type Subject } from './subjects.ts'

type Load = Omit<Slice, 'subject'> & { readonly clients: number }

interface Run {
  /** Of the server's CPU time, for each message and client. */
  readonly micros: number
  /** Of what was sent. */
  readonly received: number
}

/** Enough that hot code is compiled, whichever way the window is switched. */
const WARM_UP_ROUNDS = 3
const LOAD_MS = 300_000
const DRAIN_MS = 2000

/** What a client that keeps up costs. */
export const overhead: Scenario = {
  usage: `  --rounds <n>           each with all subjects, in changing order; default 30
  --messages <n>         a round; default 400
  --rate <n>             messages a second to each client; default 400
  --bytes <n>            of a message; default 2048
  --clients <n>          default 20
  --batch <n>            emitted in one tick; default 1
  --subjects <a,b>       default ${SUBJECTS.join(',')}`,

  prepare(args) {
    const rounds = args.number('rounds', { default: 30, min: 1, max: 1000 })
    const load: Load = {
      messages: args.number('messages', { default: 400, min: 100, max: 500_000 }),
      rate: args.number('rate', { default: 400, min: 1, max: 10_000 }),
      bytes: args.number('bytes', { default: 2048, min: 128, max: 65_536 }),
      clients: args.number('clients', { default: 20, min: 1, max: 256 }),
      batch: args.number('batch', { default: 1, min: 1, max: 1000 }),
    }
    const subjects = args.names('subjects', SUBJECTS)

    return async (signal) => {
      const pairs = new Map<boolean, Pair>()
      const pairOf = async (subject: Subject): Promise<Pair> => {
        const plain = subject === 'socket.io'
        const pair = pairs.get(plain) ?? new Pair(signal)
        if (!pairs.has(plain)) {
          pairs.set(plain, pair)
          await pair.open(plain, load.clients)
        }
        return pair
      }
      const runs = new Map<Subject, Run[]>(subjects.map((subject) => [subject, []]))
      try {
        for (let round = -WARM_UP_ROUNDS; round < rounds; round++) {
          for (let i = 0; i < subjects.length; i++) {
            const subject = subjects[(i + round + WARM_UP_ROUNDS) % subjects.length]!
            const run = await (await pairOf(subject)).run(subject, load)
            if (round < 0) continue
            runs.get(subject)!.push(run)
            console.error(`round ${round + 1}, ${subject}: ${run.micros.toFixed(3)} us a message`)
          }
        }
      } finally {
        for (const pair of pairs.values()) await pair.close()
      }
      return reportOf(runs, rounds, load)
    }
  },
}

/** A server and its clients, each in a process of their own. */
class Pair {
  readonly #server: Child<ServerHandlers>
  readonly #client: Child<ClientHandlers>

  constructor(signal: AbortSignal) {
    this.#server = new Child<ServerHandlers>(new URL('server.js', import.meta.url), { signal })
    this.#client = new Child<ClientHandlers>(new URL('client.js', import.meta.url), { signal })
  }

  async open(plain: boolean, clients: number): Promise<void> {
    await this.#client.ask('connect', { port: await this.#server.ask('open', { plain }), clients })
  }

  async run(subject: Subject, { clients, ...load }: Load): Promise<Run> {
    const micros = await this.#server.ask('load', { subject, ...load }, LOAD_MS)
    const expected = load.messages * clients
    const received = await this.#client.ask('drain', { expected, mostMs: DRAIN_MS })
    return { micros: micros / expected, received: received / expected }
  }

  async close(): Promise<void> {
    await this.#client.close()
    await this.#server.close()
  }
}

function reportOf(runs: ReadonlyMap<Subject, readonly Run[]>, rounds: number, load: Load) {
  const subjects = Object.fromEntries(
    [...runs].map(([name, of]) => [
      name,
      {
        us_per_message: round(median(of.map(({ micros }) => micros))),
        received: Math.min(...of.map(({ received }) => received)),
      },
    ]),
  )
  const ratios = {
    'spillway / socket.io': ratioOf(runs, 'spillway', 'socket.io'),
    'spillway / spillway-no-window': ratioOf(runs, 'spillway', 'spillway-no-window'),
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

/** The median of the ratios of each round, in which both ran within seconds. */
function ratioOf(
  runs: ReadonlyMap<Subject, readonly Run[]>,
  above: Subject,
  below: Subject,
): number | null {
  const others = runs.get(below)
  const ratios = runs.get(above)?.map(({ micros }, i) => micros / (others?.[i]?.micros ?? 0))
  return ratios && others ? round(median(ratios)) : null
}
