import { type Percentiles, percentiles, table } from '../../demo/headless/figures.ts'
import type { Receipt } from '../harness/receipt.ts'
import type { Trial } from './trial.ts'

/** Times in milliseconds. */
export interface SubjectFigures {
  /** Emit to receipt, of those received: what is lost with a connection is not in it. */
  readonly critical_ms: Percentiles
  readonly critical_sent: number
  /** Different ones. */
  readonly critical_received: number
  readonly cosmetic_sent: number
  readonly cosmetic_received: number
  /** At receipt. */
  readonly cosmetic_age_ms: Pick<Percentiles, 'p50' | 'p99'>
  /** Bytes of messages received during the load, of what the link carries in that time. */
  readonly utilisation: number
  /** Noticed by the client. */
  readonly disconnects: number
  /** Noticed by the server. */
  readonly ping_timeouts: number
  readonly reasons: Readonly<Record<string, number>>
  readonly client_reasons: Readonly<Record<string, number>>
}

interface Path {
  readonly rateKbit: number
  readonly delayMs: number
  readonly messageBytes: number
}

/**
 * A critical message can't preempt the one that is being sent, which has half of its time left on
 * average: one way delay and one and a half messages, without the headers of TCP and IP.
 */
export function limitMs({ rateKbit, delayMs, messageBytes }: Path): number {
  return Math.round(delayMs + (1.5 * messageBytes * 8) / rateKbit)
}

export function figuresOf(trial: Trial, path: Omit<Path, 'delayMs'>): SubjectFigures {
  const { loaded, received, reasons } = trial
  const { receipts } = received
  const critical = receipts.filter(({ type }) => type === 'critical')
  const cosmetic = receipts.filter(({ type }) => type === 'cosmetic')
  const { p50, p99 } = percentiles(cosmetic.map(age))
  const inTime = receipts.filter(({ receivedAt }) => receivedAt <= loaded.endedAt)
  const capacity = (path.rateKbit / 8) * (loaded.endedAt - loaded.startedAt)
  return {
    critical_ms: percentiles(critical.map(age)),
    critical_sent: loaded.criticalSent,
    critical_received: new Set(critical.map(({ seq }) => seq)).size,
    cosmetic_sent: loaded.cosmeticSent,
    cosmetic_received: cosmetic.length,
    cosmetic_age_ms: { p50, p99 },
    utilisation: Math.round((1000 * inTime.length * path.messageBytes) / capacity) / 1000,
    disconnects: sum(received.disconnects),
    ping_timeouts: reasons['ping timeout'] ?? 0,
    reasons,
    client_reasons: received.disconnects,
  }
}

export function tableOf(subjects: Readonly<Record<string, SubjectFigures>>, limit: number): string {
  const head = [
    '',
    'critical p50',
    'p99',
    'max ms',
    'received',
    'cosmetic',
    'age p50',
    'p99 ms',
    'link',
    'lost',
  ]
  const rows = Object.entries(subjects).map(([name, of]) => [
    name,
    ...[of.critical_ms.p50, of.critical_ms.p99, of.critical_ms.max].map(shown),
    `${of.critical_received}/${of.critical_sent}`,
    `${of.cosmetic_received}/${of.cosmetic_sent}`,
    ...[of.cosmetic_age_ms.p50, of.cosmetic_age_ms.p99].map(shown),
    `${(100 * of.utilisation).toFixed(1)}%`,
    [`${of.disconnects}`, ...Object.keys(of.reasons)].join(' '),
  ])
  return `${table([head, ...rows])}\nleast that the link allows: ${limit} ms`
}

function age({ sentAt, receivedAt }: Receipt): number {
  return receivedAt - sentAt
}

function shown(value: number | null): string {
  return value === null ? '-' : String(value)
}

function sum(counts: Readonly<Record<string, number>>): number {
  return Object.values(counts).reduce((total, count) => total + count, 0)
}
