import { setTimeout as sleep } from 'node:timers/promises'
import { megabytes, table } from '../../demo/headless/figures.ts'
import { faults, run, warmUp } from '../../spec/faults/catalogue.ts'
import { type Outcome, Skipped } from '../../spec/faults/fault.ts'
import type { Scenario } from '../harness/scenario.ts'

/** Whoever is ended gets no more than this of the run that is under way. */
const PAUSE_MS = 200

interface Row {
  readonly fault: string
  readonly outcomes: readonly Outcome[]
  readonly skipped: string | undefined
}

/** What breaks beside a steady load, and what it costs the clients that stay: nothing. */
export const faultSuite: Scenario = {
  usage: `  --runs <n>             of each fault; default 1
  --only <n,n>           numbers of faults, from 1; default all of them`,

  prepare(args) {
    const runs = args.number('runs', { default: 1, min: 1, max: 1000 })
    const all = faults.map((_, index) => index + 1)
    const only = new Set(args.numbers('only', { default: all, min: 1, max: all.length }))
    const chosen = faults.filter((_, index) => only.has(index + 1))

    return async (signal) => {
      await warmUp()
      const rows: Row[] = []
      for (const fault of chosen) {
        const outcomes: Outcome[] = []
        let skipped: string | undefined
        for (let n = 0; n < runs && skipped === undefined; n++) {
          signal.throwIfAborted()
          await sleep(PAUSE_MS, undefined, { signal })
          try {
            outcomes.push(await run(fault))
          } catch (error) {
            if (!(error instanceof Skipped)) throw error
            skipped = error.message
          }
        }
        const problems = outcomes.flatMap((outcome) => outcome.problems)
        console.error([fault.name, skipped, ...problems].filter(Boolean).join('\n  '))
        rows.push({ fault: fault.name, outcomes, skipped })
      }
      const figures = rows.map(figuresOf)
      return {
        text: tableOf(figures),
        figures: {
          runs,
          failed: figures.filter((each) => each.failed > 0).length,
          faults: figures,
        },
      }
    }
  },
}

type Figures = ReturnType<typeof figuresOf>

function figuresOf({ fault, outcomes, skipped }: Row) {
  const sum = (of: (outcome: Outcome) => number) => outcomes.reduce((n, each) => n + of(each), 0)
  const mean = (of: (outcome: Outcome) => number) => megabytes(sum(of) / (outcomes.length || 1))
  return {
    fault,
    runs: outcomes.length,
    critical_sent: sum(({ sent }) => sent),
    critical_received: sum(({ received }) => received),
    lost: sum(({ lost }) => lost),
    doubled: sum(({ doubled }) => doubled),
    reordered: sum(({ reordered }) => reordered),
    heap_mb: { before: mean((each) => each.heapBefore), after: mean((each) => each.heapAfter) },
    accounted_bytes: sum(({ left }) => left),
    failed: outcomes.filter(({ problems }) => problems.length > 0).length,
    problems: [...new Set(outcomes.flatMap(({ problems }) => problems))],
    ...(skipped === undefined ? {} : { skipped }),
  }
}

function tableOf(figures: readonly Figures[]): string {
  const head = [
    '',
    'runs',
    'critical sent',
    'received',
    'lost',
    'doubled',
    'reordered',
    'heap before / after MB',
    'bytes left',
    'failed',
  ]
  const rows = figures.map((of) => [
    of.fault,
    'skipped' in of ? 'skipped' : String(of.runs),
    String(of.critical_sent),
    String(of.critical_received),
    String(of.lost),
    String(of.doubled),
    String(of.reordered),
    `${of.heap_mb.before} / ${of.heap_mb.after}`,
    String(of.accounted_bytes),
    String(of.failed),
  ])
  return table([head, ...rows])
}
