/** A sample of Prometheus's text format. */
export interface Sample {
  readonly name: string
  readonly labels: Readonly<Record<string, string>>
  readonly value: number
}

export interface Exposition {
  readonly types: ReadonlyMap<string, string>
  readonly samples: readonly Sample[]
  /** The value of the only sample with these labels, among others or not. */
  value(name: string, labels?: Record<string, string>): number
  /** All values by series, to compare with another time. */
  series(): Map<string, number>
}

const HELP = /^# HELP ([a-z_]+) \S.*$/
const TYPE = /^# TYPE ([a-z_]+) (counter|gauge|histogram)$/
const SAMPLE = /^([a-z_]+)(?:\{(.*)\})? (-?\d+(?:\.\d+)?(?:e[+-]?\d+)?|\+Inf)$/
const LABEL = /^([a-z_]+)="((?:[^"\\\n]|\\[\\n"])*)"(?:,|$)/

/**
 * Stricter than Prometheus: a HELP, then a TYPE, then samples of this metric only, each once.
 *
 * @throws Error at the first line that is not so
 */
export function parseExposition(text: string): Exposition {
  if (!text.endsWith('\n')) throw new Error('the last line does not end')
  const types = new Map<string, string>()
  const samples: Sample[] = []
  const seen = new Set<string>()
  let helped: string | undefined
  let typed: string | undefined
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, help] = HELP.exec(line) ?? []
    const [, name, type] = TYPE.exec(line) ?? []
    if (help !== undefined) {
      helped = help
      typed = undefined
    } else if (name !== undefined) {
      if (name !== helped || types.has(name)) throw new Error(`no HELP before, or twice: ${line}`)
      types.set(name, type!)
      typed = name
    } else {
      const sample = sampleOf(line)
      const suffix = typed && sample.name.startsWith(typed) && sample.name.slice(typed.length)
      const suffixes = types.get(typed ?? '') === 'histogram' ? ['_bucket', '_sum', '_count'] : ['']
      if (typeof suffix !== 'string' || !suffixes.includes(suffix)) {
        throw new Error(`does not stand below its TYPE: ${line}`)
      }
      if (seen.has(keyOf(sample))) throw new Error(`told twice: ${line}`)
      seen.add(keyOf(sample))
      samples.push(sample)
    }
  }
  return {
    types,
    samples,
    value(name, labels = {}) {
      const found = samples.filter(
        (each) =>
          each.name === name &&
          Object.entries(labels).every(([key, value]) => each.labels[key] === value),
      )
      if (found.length !== 1)
        throw new Error(`${found.length} samples of ${name} ${JSON.stringify(labels)}`)
      return found[0]!.value
    },
    series: () => new Map(samples.map((sample) => [keyOf(sample), sample.value])),
  }
}

/** Of its series. */
export function keyOf({ name, labels }: Omit<Sample, 'value'>): string {
  return JSON.stringify([name, Object.entries(labels).sort()])
}

function sampleOf(line: string): Sample {
  const [, name, inside = '', value] = SAMPLE.exec(line) ?? []
  if (name === undefined) throw new Error(`no sample: ${line}`)
  const labels: Record<string, string> = {}
  for (let rest = inside; rest !== ''; ) {
    const [whole, label, told] = LABEL.exec(rest) ?? []
    if (whole === undefined || label! in labels) throw new Error(`labels: ${line}`)
    labels[label!] = told!.replace(/\\(.)/g, (_, escaped) => (escaped === 'n' ? '\n' : escaped))
    rest = rest.slice(whole.length)
  }
  return { name, labels, value: value === '+Inf' ? Number.POSITIVE_INFINITY : Number(value) }
}
