import { Counter, Gauge, Histogram as PromHistogram, Registry } from 'prom-client'
import type { Spillway } from '../attach.ts'
import { refuse, verbatim } from '../errors.ts'
import type { Histogram } from '../histogram.ts'
import { type Counted, METRICS, type Measured } from './catalogue.ts'

export { Registry }

/**
 * Puts the metrics of a Spillway into a registry of prom-client. They are read when it is asked.
 *
 * @throws SpillwayError SPILLWAY_INVALID_OPTION if it has those of a Spillway already
 */
export function registerMetrics(spillway: Spillway, registry: Registry): void {
  for (const name of Object.keys(METRICS)) {
    if (!registry.getSingleMetric(name)) continue
    throw refuse(
      'SPILLWAY_INVALID_OPTION',
      'metrics.registry',
      verbatim(`a registry that has ${name}`),
      'a registry without the metrics of another Spillway',
    )
  }
  for (const [name, metric] of Object.entries(METRICS)) register(name, metric, spillway, registry)
}

function register(
  name: string,
  metric: Counted | Measured,
  spillway: Spillway,
  registry: Registry,
): void {
  const common = { name, help: metric.help, labelNames: metric.labels, registers: [registry] }
  if (metric.type === 'histogram') {
    new Recorded(common, metric.histogram(spillway), metric.scale)
    return
  }
  function collect(this: Counter | Gauge): void {
    this.reset()
    for (const [labels, value] of (metric as Counted).rows(spillway)) this.inc(labels, value)
  }
  if (metric.type === 'counter') new Counter({ ...common, collect })
  else new Gauge({ ...common, collect })
}

type Told = Awaited<ReturnType<PromHistogram['get']>>
type HistogramRow = Told['values'][number]
/** Fields of a metric that prom-client's types leave out. */
type MetricFields = Omit<Told, 'values'>

/** A histogram that was recorded by us: prom-client's own would hash its labels at each message. */
class Recorded extends PromHistogram {
  readonly #source: Histogram
  readonly #scale: number

  constructor(
    configuration: ConstructorParameters<typeof PromHistogram>[0],
    source: Histogram,
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

  /** What a registry asks, if it is there. */
  getForPromString(): ReturnType<PromHistogram['get']> {
    return this.get()
  }

  *#rows(name: string): Generator<HistogramRow> {
    const { bounds, counts, count, sum } = this.#source
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
