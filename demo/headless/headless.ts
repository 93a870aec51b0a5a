import { table } from './figures.ts'
import { type GroupResult, runTrial, type TrialResult } from './trial.ts'

export interface HeadlessOptions {
  readonly seconds: number
  readonly json: boolean
}

const VARIANTS = ['plain', 'spillway'] as const
type Results = Record<(typeof VARIANTS)[number], TrialResult>

/** The same load without and with the plugin; prints what the clients and the server saw. */
export async function runHeadless({ seconds, json }: HeadlessOptions): Promise<void> {
  const results: Partial<Results> = {}
  for (const variant of VARIANTS) {
    const progress = progressLine(variant, seconds)
    results[variant] = await runTrial({
      plain: variant === 'plain',
      seconds,
      onSecond: progress.show,
    })
    progress.clear()
  }
  const { plain, spillway } = results as Results
  console.log(report({ plain, spillway }, seconds))
  if (json) console.log(JSON.stringify({ seconds, plain, spillway }))
}

/** On a terminal only: in a log it would be noise. */
function progressLine(variant: string, seconds: number) {
  const { stderr } = process
  return {
    show(second: number): void {
      if (stderr.isTTY) stderr.write(`\r${variant}: ${second} s of about ${seconds} s `)
    },
    clear(): void {
      if (stderr.isTTY) stderr.write('\r\x1b[K')
    },
  }
}

function report(results: Results, seconds: number): string {
  const clients = [
    ['', 'critical', 'p50', 'p99', 'max', 'cosmetic', 'shed', 'lost'],
    ['', 'received', 'ms', 'ms', 'ms', 'received', '', 'conns'],
  ]
  const servers = [
    ['', 'RSS start', 'RSS max', 'most buffered'],
    ['', 'MB', 'MB', 'for a client'],
  ]
  for (const variant of VARIANTS) {
    const { fast, slow, rss_mb, max_buffered_bytes } = results[variant]
    clients.push(rowOf(`${variant}, ${fast.clients} fast`, fast))
    clients.push(rowOf(`${variant}, ${slow.clients} slow`, slow))
    const buffered = `${Math.round(max_buffered_bytes / 1000)} kB`
    servers.push([variant, rss_mb.start.toFixed(1), rss_mb.max.toFixed(1), buffered])
  }
  return [
    `Lobby of ${seconds} s. Latency is from emit to receipt, of the critical messages that came.`,
    table(clients),
    '',
    'Server process; buffered is what Node and the plugin can see.',
    table(servers),
  ].join('\n')
}

function rowOf(name: string, group: GroupResult): string[] {
  const { p50, p99, max } = group.critical_ms
  return [
    name,
    `${group.critical_received} of ${group.critical_sent}`,
    ...[p50, p99, max].map((value) => (value === null ? '-' : String(value))),
    String(group.cosmetic_received),
    String(group.cosmetic_shed),
    String(group.connections_lost),
  ]
}
