import { table } from '../../demo/headless/figures.ts'
import type { Report } from '../harness/scenario.ts'
import { median, round } from '../harness/statistics.ts'
import { SUBJECTS, type Subject, type Trial } from './trial.ts'

/** Everything that was measured with so many clients. */
export interface Size {
  readonly clients: number
  readonly trials: Readonly<Record<Subject, Trial[]>>
  /** Operations a second. */
  readonly channel: number[]
  readonly lane: number[]
}

interface SubjectFigures {
  readonly cpu_us_per_message: number
  readonly rss_bytes_per_idle: number
  readonly heap_bytes_per_idle: number
  readonly received: number
}

type SizeFigures = Readonly<Record<Subject, SubjectFigures>> & {
  readonly channel_ops_per_second: number
  readonly lane_ops_per_second: number
}

/** @param sizes ascending, at least one */
export function reportOf(sizes: readonly Size[], options: Readonly<Record<string, unknown>>) {
  const figures = new Map(sizes.map((size) => [size.clients, figuresOf(size)]))
  const smallest = sizes.at(0)!.clients
  const largest = sizes.at(-1)!.clients
  const first = figures.get(smallest)!
  const last = figures.get(largest)!
  const cpu = (subject: Subject): number =>
    round(last[subject].cpu_us_per_message / first[subject].cpu_us_per_message)
  const ratios = {
    [`cpu ${largest} / ${smallest}`]: { spillway: cpu('spillway'), 'socket.io': cpu('socket.io') },
    plugin_bytes_per_idle: Object.fromEntries(
      Array.from(figures, ([clients, { spillway, 'socket.io': plain }]) => [
        clients,
        {
          rss: spillway.rss_bytes_per_idle - plain.rss_bytes_per_idle,
          heap: spillway.heap_bytes_per_idle - plain.heap_bytes_per_idle,
        },
      ]),
    ),
    [`channel_ops ${smallest} / ${largest}`]: round(
      first.channel_ops_per_second / last.channel_ops_per_second,
    ),
    [`lane_ops ${smallest} / ${largest}`]: round(
      first.lane_ops_per_second / last.lane_ops_per_second,
    ),
  }
  const lines = Object.entries(ratios).map(([name, value]) => `${name}: ${JSON.stringify(value)}`)
  const text = [subjectTable(figures), '', operationTable(figures), '', ...lines].join('\n')
  return {
    text,
    figures: { ...options, sizes: Object.fromEntries(figures), ratios },
  } satisfies Report
}

function figuresOf({ trials, channel, lane }: Size): SizeFigures {
  return {
    spillway: subjectFigures(trials.spillway),
    'socket.io': subjectFigures(trials['socket.io']),
    channel_ops_per_second: round(median(channel), 0),
    lane_ops_per_second: round(median(lane), 0),
  }
}

function subjectFigures(trials: readonly Trial[]): SubjectFigures {
  return {
    cpu_us_per_message: round(median(trials.map(({ micros }) => micros))),
    rss_bytes_per_idle: round(median(trials.map(({ idle }) => idle.rss)), 0),
    heap_bytes_per_idle: round(median(trials.map(({ idle }) => idle.heap)), 0),
    received: round(Math.min(...trials.map(({ received }) => received)), 4),
  }
}

function subjectTable(figures: ReadonlyMap<number, SizeFigures>): string {
  const rows = Array.from(figures, ([clients, of]) =>
    SUBJECTS.map((name) => [
      `${clients} ${name}`,
      of[name].cpu_us_per_message.toFixed(2),
      String(of[name].rss_bytes_per_idle),
      String(of[name].heap_bytes_per_idle),
      `${(100 * of[name].received).toFixed(1)}%`,
    ]),
  ).flat()
  const head = ['clients', 'CPU us a message', 'RSS bytes idle', 'heap bytes idle', 'received']
  return table([head, ...rows])
}

function operationTable(figures: ReadonlyMap<number, SizeFigures>): string {
  const rows = Array.from(figures, ([clients, of]) => [
    String(clients),
    String(of.channel_ops_per_second),
    String(of.lane_ops_per_second),
  ])
  return table([['clients', 'channel operations/s', 'lane operations/s'], ...rows])
}
