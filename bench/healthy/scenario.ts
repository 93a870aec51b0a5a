import { setMaxListeners } from 'node:events'
import { type Arguments, UsageError } from '../harness/arguments.ts'
import type { Report, Scenario } from '../harness/scenario.ts'
import { congestionControl, linkMaker } from '../harness/shaped-link.ts'
import type { Subject } from '../harness/subjects.ts'
import { type Cell, cells, DEFAULTS, groups, truthOf } from './cells.ts'
import { type CellFigures, figuresOf, type Run, runOf, tableOf } from './figures.ts'
import { runTrial } from './trial.ts'

const SUBJECTS = ['spillway', 'socket.io', 'watermark-128k'] as const satisfies readonly Subject[]

interface Options {
  readonly cells: Readonly<Record<string, Cell>>
  readonly subjects: readonly Subject[]
  readonly seconds: number
  readonly runs: number
  readonly parallel: number
}

/** What a client loses whose path carries the load, however noisy, long or bursty it is. */
export const healthy: Scenario = {
  usage: `  --cell <a,b>           default healthy, which is all of
${lines(groups.healthy!)};
                         or slow:
${lines(groups.slow!)}
  or one of your own:
  --rate <kbit/s>        of the link, to the client; 0: no limit; default ${DEFAULTS.rateKbit}
  --delay <ms>           one way; default ${DEFAULTS.delayMs}
  --jitter <ms>          up to so much more, either way, in order; default ${DEFAULTS.jitterMs}
  --bunch <ms>           lets through every so many milliseconds, either way; default ${DEFAULTS.bunchMs}
  --message-bytes <n>    of a cosmetic message; default ${DEFAULTS.messageBytes}
  --messages <n>         in one tick; default ${DEFAULTS.messages}
  --every <ms>           default ${DEFAULTS.everyMs}
  and of all:
  --seconds <n>          of load, after a start of 2 s; default 20
  --runs <n>             figures are medians; default 1
  --parallel <n>         runs at the same time, for machines that have the cores; default 1
  --subjects <a,b>       default ${SUBJECTS.join(',')}`,

  prepare(args) {
    const options: Options = {
      cells: cellsOf(args),
      subjects: args.names('subjects', SUBJECTS),
      seconds: args.number('seconds', { default: 20, min: 1, max: 3600 }),
      runs: args.number('runs', { default: 1, min: 1, max: 100 }),
      parallel: args.number('parallel', { default: 1, min: 1, max: 16 }),
    }
    return (signal) => run(options, signal)
  },
}

/** Names in the column of the descriptions, three a line. */
function lines(names: readonly string[]): string {
  const rows = names.flatMap((_, at) => (at % 3 ? [] : [names.slice(at, at + 3).join(', ')]))
  return rows.map((row) => `${' '.repeat(25)}${row}`).join(',\n')
}

function cellsOf(args: Arguments): Options['cells'] {
  const known = [...Object.keys(groups), ...Object.keys(cells)]
  const named = args.text('cell')
  const own = ownCell(args)
  if (own && named !== undefined) {
    throw new UsageError('--cell: was given with options of a cell of your own; allowed: either')
  }
  if (own) return { own }
  const names = (named ?? 'healthy').split(',')
  for (const name of names) {
    if (known.includes(name)) continue
    throw new UsageError(`--cell: was given ${JSON.stringify(name)}; allowed: ${known.join(',')}`)
  }
  const all = new Set(names.flatMap((name) => groups[name] ?? [name]))
  return Object.fromEntries([...all].map((name) => [name, cells[name]!]))
}

function ownCell(args: Arguments): Cell | undefined {
  const given = {
    rateKbit: args.numberIfGiven('rate', { min: 0, max: 1_000_000 }),
    delayMs: args.numberIfGiven('delay', { min: 0, max: 5000 }),
    jitterMs: args.numberIfGiven('jitter', { min: 0, max: 5000 }),
    bunchMs: args.numberIfGiven('bunch', { min: 0, max: 5000 }),
    messageBytes: args.numberIfGiven('message-bytes', { min: 128, max: 900_000 }),
    messages: args.numberIfGiven('messages', { min: 1, max: 10_000 }),
    everyMs: args.numberIfGiven('every', { min: 1, max: 60_000 }),
  }
  const values = Object.entries(given).filter(([, value]) => value !== undefined)
  return values.length > 0 ? { ...DEFAULTS, ...Object.fromEntries(values) } : undefined
}

async function run(options: Options, signal: AbortSignal): Promise<Report> {
  const links = await linkMaker()
  if (links.because) {
    console.log(`no network namespace here, a throttling proxy instead: ${links.because}`)
  }
  const { subjects, seconds, runs, parallel } = options
  const jobs = Array.from({ length: runs }).flatMap((_, n) =>
    Object.entries(options.cells).flatMap(([name, cell]) =>
      subjects.map((subject) => ({ n, name, cell, subject, key: `${name} ${subject}` })),
    ),
  )
  const done = new Map<string, Run[]>(jobs.map(({ key }) => [key, []]))
  await sideBySide(parallel, jobs, signal, async ({ n, key, cell, subject }, signal) => {
    const of = runOf(await runTrial(subject, { links, cell, seconds, signal }), cell)
    done.get(key)!.push(of)
    const { lost_start, lost, critical_ms } = of
    console.error(
      `run ${n + 1}, ${key}: lost ${lost_start} at the start, ${lost} later; ` +
        `critical p99 ${critical_ms.p99} ms`,
    )
  })
  const figures: Record<string, CellFigures> = {}
  for (const [name, cell] of Object.entries(options.cells)) {
    const of = subjects.map((each) => [each, figuresOf(done.get(`${name} ${each}`)!)] as const)
    figures[name] = { cell, true: truthOf(cell), subjects: Object.fromEntries(of) }
  }
  const setting = { parallel, runs, seconds, link: links.kind }
  return {
    text: `${tableOf(figures)}\n${runs} runs of ${seconds} s, ${parallel} at the same time`,
    figures: {
      ...setting,
      ...(links.because && { because: links.because }),
      congestion_control: await congestionControl(),
      cells: figures,
    },
  }
}

/** So many at a time; the first that fails ends the others. */
async function sideBySide<Job>(
  count: number,
  jobs: readonly Job[],
  signal: AbortSignal,
  act: (job: Job, signal: AbortSignal) => Promise<void>,
): Promise<void> {
  const failed = new AbortController()
  const either = AbortSignal.any([signal, failed.signal])
  // each process listens
  setMaxListeners(0, either)
  const queue = jobs.values()
  const worker = async (): Promise<void> => {
    for (const job of queue) await act(job, either)
  }
  const workers = Array.from({ length: count }, () =>
    worker().catch((error: unknown) => {
      failed.abort(error)
      throw error
    }),
  )
  const ends = await Promise.allSettled(workers)
  if (failed.signal.aborted) throw failed.signal.reason
  for (const end of ends) if (end.status === 'rejected') throw end.reason
}
