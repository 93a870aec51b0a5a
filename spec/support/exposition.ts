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
}

/** @throws Error at the first line that is none of the format's, or without its TYPE before it */
export function parseExposition(text: string): Exposition {
  const types = new Map<string, string>()
  const samples = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('# HELP '))
    .flatMap((line) => {
      const [, typed, type] = /^# TYPE (\w+) (counter|gauge|histogram)$/.exec(line) ?? []
      if (typed !== undefined) {
        types.set(typed, type!)
        return []
      }
      return sampleOf(line, types)
    })
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
  }
}

function sampleOf(line: string, types: ReadonlyMap<string, string>): Sample {
  const [, name, , inside = '', value] = /^([a-z_]+)(\{(.*)\})? (\S+)$/.exec(line) ?? []
  if (name === undefined) throw new Error(`no sample: ${line}`)
  const typed = [...types.keys()].at(-1)!
  const isOfIt =
    name === typed || (types.get(typed) === 'histogram' && name.startsWith(`${typed}_`))
  if (!isOfIt) throw new Error(`${name} stands below the TYPE of ${typed}`)
  const labels = [...inside.matchAll(/(\w+)="((?:[^"\\]|\\.)*)"(?:,|$)/g)].map(([, key, each]) => [
    key,
    each,
  ])
  return {
    name,
    labels: Object.fromEntries(labels),
    value: Number(value === '+Inf' ? 'Infinity' : value),
  }
}
