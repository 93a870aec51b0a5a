import { type Percentiles, percentiles, table } from '../../demo/headless/figures.ts'
import type { Receipt } from '../harness/receipt.ts'
import { median, round } from '../harness/statistics.ts'
import type { Cell, Truth } from './cells.ts'
import type { Belief, Sent } from './server.ts'
import type { Trial } from './trial.ts'

/** Of one run. Times in milliseconds, emit to receipt; of what was emitted after the start. */
export interface Run {
  /** Share of the cosmetic messages of the start that were not received. */
  readonly lost_start: number
  /** The same of the others. */
  readonly lost: number
  readonly critical_ms: Percentiles
  readonly critical_lost: number
  /** Of the cosmetic ones that were received. */
  readonly age_ms: Pick<Percentiles, 'p50' | 'p99'>
  /** Bytes of messages received while connected, of what the link carries; null without a limit. */
  readonly utilisation: number | null
  /** Until the connection was lost first, or else of the whole load. */
  readonly connected_s: number
  readonly believed: Belief
  readonly shed: Trial['loaded']['shed']
  readonly reasons: Readonly<Record<string, number>>
}

/** Medians of several runs, and the runs. */
export interface SubjectFigures extends Omit<Run, 'critical_ms' | 'shed' | 'reasons'> {
  readonly critical_ms: Pick<Percentiles, 'p50' | 'p99'>
  /** Of all runs. */
  readonly lost_most: number
  readonly runs: readonly Run[]
}

/** Sizes in bytes, rates in bytes a second, spans in milliseconds. */
export interface CellFigures {
  readonly cell: Cell
  readonly true: Truth
  readonly subjects: Readonly<Record<string, SubjectFigures>>
}

export function runOf({ loaded, received }: Trial, cell: Cell): Run {
  const { receipts, lostAt } = received
  const { critical, cosmetic } = split(receipts)
  const later = ({ seq }: Receipt, { start }: Sent): boolean => seq > start
  const laterCosmetic = cosmetic.filter((each) => later(each, loaded.cosmetic))
  const laterCritical = critical.filter((each) => later(each, loaded.critical))
  const { p50, p99 } = percentiles(laterCosmetic.map(age))
  const { start, total } = loaded.cosmetic
  const until = Math.min(lostAt ?? loaded.endedAt, loaded.endedAt)
  return {
    lost_start: share(start - (cosmetic.length - laterCosmetic.length), start),
    lost: share(total - start - laterCosmetic.length, total - start),
    critical_ms: percentiles(laterCritical.map(age)),
    critical_lost: loaded.critical.total - critical.length,
    age_ms: { p50, p99 },
    utilisation: utilisationOf(receipts, cell, loaded.startedAt, until),
    connected_s: round((until - loaded.startedAt) / 1000, 1),
    believed: {
      rate: middle(loaded.beliefs.map(({ rate }) => rate)),
      minRtt: middle(loaded.beliefs.map(({ minRtt }) => minRtt)),
      noise: middle(loaded.beliefs.map(({ noise }) => noise)),
    },
    shed: loaded.shed,
    reasons: loaded.reasons,
  }
}

export function figuresOf(runs: readonly Run[]): SubjectFigures {
  const of = (value: (run: Run) => number): number => round(median(runs.map(value)), 4)
  const known = (value: (run: Run) => number | null) => middle(runs.map(value))
  return {
    lost_start: of((run) => run.lost_start),
    lost: of((run) => run.lost),
    lost_most: Math.max(...runs.map(({ lost }) => lost)),
    critical_ms: {
      p50: known(({ critical_ms }) => critical_ms.p50),
      p99: known(({ critical_ms }) => critical_ms.p99),
    },
    critical_lost: of((run) => run.critical_lost),
    age_ms: { p50: known(({ age_ms }) => age_ms.p50), p99: known(({ age_ms }) => age_ms.p99) },
    utilisation: known(({ utilisation }) => utilisation),
    connected_s: of((run) => run.connected_s),
    believed: {
      rate: known(({ believed }) => believed.rate),
      minRtt: known(({ believed }) => believed.minRtt),
      noise: known(({ believed }) => believed.noise),
    },
    runs,
  }
}

export function tableOf(cells: Readonly<Record<string, CellFigures>>): string {
  const head = [
    '',
    'lost: first 2 s',
    'later',
    'most',
    'critical p50',
    'p99',
    'lost',
    'age p99 ms',
    'link',
    'believed: KB/s',
    'RTT',
    'noise ms',
  ]
  const blocks = Object.entries(cells).map(([name, { true: truth, subjects }]) => {
    const known = ({ rate, minRtt, noise }: Belief) => [
      shown(rate === null ? null : rate / 1000),
      shown(minRtt),
      shown(noise),
    ]
    const rows = Object.entries(subjects).map(([subject, of]) => [
      `  ${subject}`,
      ...[of.lost_start, of.lost, of.lost_most].map(percent),
      shown(of.critical_ms.p50),
      shown(of.critical_ms.p99),
      shown(of.critical_lost),
      shown(of.age_ms.p99),
      of.utilisation === null ? '-' : percent(of.utilisation),
      ...known(of.believed),
    ])
    return [[name, ...Array(8).fill(''), ...known(truth)], ...rows]
  })
  return table([head, ...blocks.flat()])
}

function split(receipts: readonly Receipt[]): Record<Receipt['type'], Receipt[]> {
  const by: Record<Receipt['type'], Receipt[]> = { critical: [], cosmetic: [] }
  for (const receipt of receipts) by[receipt.type].push(receipt)
  return by
}

function utilisationOf(
  receipts: readonly Receipt[],
  { rateKbit, messageBytes, criticalBytes }: Cell,
  from: number,
  until: number,
): number | null {
  if (rateKbit === 0) return null
  const bytes = receipts
    .filter(({ receivedAt }) => receivedAt <= until)
    .reduce((sum, { type }) => sum + (type === 'critical' ? criticalBytes : messageBytes), 0)
  return round(bytes / ((rateKbit / 8) * (until - from)))
}

function middle(values: ReadonlyArray<number | null>): number | null {
  const known = values.filter((value) => value !== null)
  return known.length > 0 ? round(median(known), 3) : null
}

function share(part: number, whole: number): number {
  return whole > 0 ? round(part / whole, 4) : 0
}

function age({ sentAt, receivedAt }: Receipt): number {
  return receivedAt - sentAt
}

function percent(value: number): string {
  return `${(100 * value).toFixed(1)}%`
}

function shown(value: number | null): string {
  return value === null ? '-' : String(round(value, value < 10 ? 1 : 0))
}
