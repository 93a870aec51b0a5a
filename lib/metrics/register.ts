import { Counter, Gauge, Histogram as PromHistogram, Registry } from 'prom-client'
import { metricsRegistry } from '../../schemas/given-objects.ts'
import { parseOptions } from '../../schemas/parse-options.ts'
import { isSpillway } from '../attach-checks.ts'
import { refuseClosed } from '../attached.ts'
import { refuse, verbatim } from '../base/errors.ts'
import type { Histogram } from '../base/histogram.ts'
import type { Spillway } from '../spillway.ts'
import { type Counted, type Labels, METRICS, type Measured } from './catalogue.ts'
import { groupOf, noteGroup, SpillwayGroup } from './spillway-group.ts'

export { Registry }

/**
 * Adds the metrics of a Spillway to a registry of prom-client until the Spillway is closed. Values are
 * read at each scrape. A registry may have the metrics of several Spillways; it shows their sums.
 *
 * @throws SpillwayError SPILLWAY_INVALID_OPTION if it has other metrics of these names;
 *   SPILLWAY_CLOSED if the Spillway is closed
 */
export function registerMetrics(spillway: Spillway, registry: Registry): void {
  if (!isSpillway(spillway)) {
    const allowed = 'the handle that attach() returns, or app.spillway'
    throw refuse('SPILLWAY_INVALID_OPTION', 'spillway', spillway, allowed)
  }
  parseOptions(metricsRegistry, registry, 'registry')
  if (!spillway.isOpen) refuseClosed('registerMetrics()')
  const group = groupOf(registry) ?? register(registry)
  group.add(spillway)
}

function register(registry: Registry): SpillwayGroup {
  for (const name of Object.keys(METRICS)) {
    if (!registry.getSingleMetric(name)) continue
    throw refuse(
      'SPILLWAY_INVALID_OPTION',
      'metrics.registry',
      verbatim(`a registry that has a ${name} of somebody else`),
      'a registry without other metrics of these names',
    )
  }
  const registered = new Map<string, object>()
  const group = new SpillwayGroup(() => {
    for (const [name, metric] of registered) {
      // the application may have cleared the registry and added another metric of this name
      if (registry.getSingleMetric(name) === metric) registry.removeSingleMetric(name)
    }
  })
  for (const [name, metric] of Object.entries(METRICS)) {
    const each = make(name, metric, group, registry)
    registered.set(name, each)
    noteGroup(each, group)
  }
  return group
}

function make(
  name: string,
  metric: Counted | Measured,
  group: SpillwayGroup,
  registry: Registry,
): Counter | Gauge | PromHistogram {
  const common = { name, help: metric.help, labelNames: metric.labels, registers: [registry] }
  if (metric.type === 'histogram') {
    return new Recorded(common, () => group.histogram(name, metric), metric.scale)
  }
  const { type } = metric
  function collect(this: Counter | Gauge): void {
    this.reset()
    for (const [labels, value] of group.rows(name, metric as Counted)) this.inc(own(labels), value)
  }
  return type === 'counter'
    ? new Counter({ ...common, collect })
    : new Gauge({ ...common, collect })
}

/** A copy without a prototype: prom-client would read inherited properties as labels. */
function own(labels: Labels): Labels {
  return Object.assign(Object.create(null), labels)
}

type Told = Awaited<ReturnType<PromHistogram['get']>>
type HistogramRow = Told['values'][number]
/** Fields of a metric that prom-client's types leave out. */
type MetricFields = Omit<Told, 'values'>

/** Shows a histogram of this library. prom-client's own would hash its labels at each message. */
class Recorded extends PromHistogram {
  readonly #source: () => Histogram
  readonly #scale: number

  constructor(
    configuration: ConstructorParameters<typeof PromHistogram>[0],
    source: () => Histogram,
    scale: number,
  ) {
    super(configuration)
    this.#source = source
    this.#scale = scale
  }

  override async get(): ReturnType<PromHistogram['get']> {
    const { name, help, type, aggregator, collect } = this as unknown as MetricFields
    return { name, help, type, aggregator, collect, values: [...this.#rows(name)] }
  }

  /** Registries of newer versions call this in place of `get`. */
  getForPromString(): ReturnType<PromHistogram['get']> {
    return this.get()
  }

  *#rows(name: string): Generator<HistogramRow> {
    const { bounds, counts, count, sum } = this.#source()
    let below = 0
    for (const [index, inBucket] of counts.entries()) {
      below += inBucket
      const bound = bounds[index]
      const le = bound === undefined ? '+Inf' : bound * this.#scale
      yield { metricName: `${name}_bucket`, labels: { le }, value: below }
    }
    yield { metricName: `${name}_sum`, labels: {}, value: sum * this.#scale }
    yield { metricName: `${name}_count`, labels: {}, value: count }
  }
}
