import { Child } from '../../spec/support/process/child.ts'
import type { Load } from '../fanout/measure.ts'
import type { Arguments } from '../harness/arguments.ts'
import { checkOpenFiles } from '../harness/open-files.ts'
import type { Report, Scenario } from '../harness/scenario.ts'
import { reportOf, type Size } from './figures.ts'
import type { OperationsHandlers } from './operations.ts'
import { RUNTIME, runTrial, SUBJECTS } from './trial.ts'

interface Options {
  /** Ascending. */
  readonly clients: readonly number[]
  readonly rounds: number
  readonly load: Load
}

/** Of all sizes one after the other, so that what else the machine does meets each of them. */
const REPETITIONS = 7
const OPERATIONS_MS = 120_000

/** What a message and an idle connection cost with ever more clients. */
export const scale: Scenario = {
  usage: `  --clients <a,b,c>      sizes that are compared; default 1000,4000,14000
  --bytes <n>            of a message; default 2048
  --broadcasts <n>       a round, that are measured; default 20
  --rounds <n>           each with all sizes and subjects, in changing order; default 3`,

  prepare(args: Arguments) {
    const options: Options = {
      clients: args.numbers('clients', { default: [1000, 4000, 14_000], min: 1, max: 25_000 }),
      rounds: args.number('rounds', { default: 3, min: 1, max: 100 }),
      load: {
        broadcasts: args.number('broadcasts', { default: 20, min: 1, max: 500 }),
        burst: 1,
        bytes: args.number('bytes', { default: 2048, min: 128, max: 16_384 }),
      },
    }
    checkOpenFiles(options.clients.at(-1)!)
    return (signal) => run(options, signal)
  },
}

async function run({ clients, rounds, load }: Options, signal: AbortSignal): Promise<Report> {
  const sizes: readonly Size[] = clients.map((each) => ({
    clients: each,
    trials: { spillway: [], 'socket.io': [] },
    channel: [],
    lane: [],
  }))
  await runOperations(sizes, load.bytes, signal)
  for (let n = 0; n < rounds; n++) {
    for (const size of sizes) {
      for (const name of n % 2 ? SUBJECTS.toReversed() : SUBJECTS) {
        const trial = await runTrial(name, size.clients, load, signal)
        size.trials[name].push(trial)
        const { micros, idle } = trial
        console.error(
          `round ${n + 1}, ${size.clients} ${name}: ${micros.toFixed(2)} us; ` +
            `idle: RSS ${idle.rss.toFixed(0)}, heap ${idle.heap.toFixed(0)} bytes`,
        )
      }
    }
  }
  const { broadcasts, bytes } = load
  return reportOf(sizes, { rounds, clients, broadcasts, bytes })
}

async function runOperations(
  sizes: readonly Size[],
  bytes: number,
  signal: AbortSignal,
): Promise<void> {
  const module = new URL('operations.js', import.meta.url)
  const child = new Child<OperationsHandlers>(module, { signal, runtime: RUNTIME })
  try {
    // the first one is not counted: in it the code is compiled
    for (let n = 0; n <= REPETITIONS; n++) {
      for (const { clients, channel, lane } of sizes) {
        const channelOps = await child.ask('channel', { clients, bytes }, OPERATIONS_MS)
        const laneOps = await child.ask('lane', { clients, bytes }, OPERATIONS_MS)
        if (n === 0) continue
        channel.push(channelOps)
        lane.push(laneOps)
      }
    }
  } finally {
    await child.close()
  }
}
