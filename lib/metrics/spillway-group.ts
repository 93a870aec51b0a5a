import type { Registry } from 'prom-client'
import { Histogram } from '../base/histogram.ts'
import type { Spillway } from '../spillway.ts'
import { type Counted, METRICS, type Measured, type Row } from './catalogue.ts'

/**
 * The Spillways that share the metrics of one registry, which shows their sums. The counts of a closed
 * Spillway stay in the sums while others are open, since a counter must not decrease. The metrics are
 * removed from the registry with the last Spillway.
 */
export class SpillwayGroup {
  readonly #members = new Set<Spillway>()
  /** Counts of closed members, by metric and labels. */
  readonly #past = new Map<string, Map<string, Row>>()
  readonly #pastHistograms = new Map<string, Histogram>()
  readonly #onEmpty: () => void

  constructor(onEmpty: () => void) {
    this.#onEmpty = onEmpty
  }

  /** Adds a Spillway, which leaves the group when it is closed. */
  add(spillway: Spillway): void {
    if (this.#members.has(spillway)) return
    this.#members.add(spillway)
    spillway.whenClosed(() => this.#remove(spillway))
  }

  /** The sums over all members, one row per combination of labels. */
  rows(name: string, metric: Counted): Iterable<Row> {
    const sums = new Map(this.#past.get(name))
    for (const member of this.#members) {
      for (const row of metric.rows(member)) add(sums, row, metric.combine)
    }
    return sums.values()
  }

  histogram(name: string, metric: Measured): Histogram {
    const all = [...this.#members].map((member) => metric.histogram(member))
    const past = this.#pastHistograms.get(name)
    return sumOf(past ? [past, ...all] : all)
  }

  #remove(spillway: Spillway): void {
    for (const [name, metric] of Object.entries(METRICS)) {
      if (metric.type === 'counter') this.#keep(name, metric, spillway)
      if (metric.type === 'histogram') {
        const past = this.#pastHistograms.get(name)
        const own = metric.histogram(spillway)
        this.#pastHistograms.set(name, sumOf(past ? [past, own] : [own]))
      }
    }
    this.#members.delete(spillway)
    if (this.#members.size === 0) this.#onEmpty()
  }

  #keep(name: string, metric: Counted, spillway: Spillway): void {
    const sums = this.#past.get(name) ?? new Map<string, Row>()
    this.#past.set(name, sums)
    for (const row of metric.rows(spillway)) add(sums, row, metric.combine)
  }
}

/** A registered symbol, so that two loaded copies of this package find each other's group. */
const kSpillwayGroup = Symbol.for('fastify-spillway.metrics')

/** The group whose metrics a registry has; undefined if it has none of this package. */
export function groupOf(registry: Registry): Pick<SpillwayGroup, 'add'> | undefined {
  const [name] = Object.keys(METRICS)
  const metric: object | undefined = registry.getSingleMetric(name!)
  return metric && Reflect.get(metric, kSpillwayGroup)
}

/** Marks a metric as one of the group, for `groupOf`. */
export function noteGroup(metric: object, group: SpillwayGroup): void {
  Object.defineProperty(metric, kSpillwayGroup, { value: group })
}

function add(sums: Map<string, Row>, row: Row, combine: Counted['combine']): void {
  const [labels, value] = row
  const key = JSON.stringify(labels)
  const before = sums.get(key)
  if (!before) sums.set(key, row)
  else sums.set(key, [labels, combine === 'least' ? Math.min(before[1], value) : before[1] + value])
}

/** @param histograms at least one; all have the same bounds */
function sumOf(histograms: readonly Histogram[]): Histogram {
  const sum = new Histogram(histograms[0]!.bounds)
  for (const { counts, count, sum: total } of histograms) {
    sum.count += count
    sum.sum += total
    for (const [index, inBucket] of counts.entries()) sum.counts[index]! += inBucket
  }
  return sum
}
