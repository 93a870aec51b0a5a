import { METRICS } from '../../../lib/metrics/catalogue.ts'

/** What a query of Prometheus's language names: series, and the labels used with them. */
export interface Named {
  readonly series: string
  readonly labels: readonly string[]
}

const WORD = /[a-zA-Z_:][a-zA-Z0-9_:]*/
const SELECTOR = new RegExp(`(${WORD.source})\\s*(\\{[^}]*\\})?`, 'g')
const FUNCTIONS = new Set(
  'sum min max avg count rate increase histogram_quantile by without on ignoring label_values and or unless bool'.split(
    ' ',
  ),
)

/** Every series that a query names. Its grouping labels belong to each of them. */
export function namedIn(query: string): Named[] {
  const grouped: string[] = []
  const bare = query
    .replace(/"[^"]*"/g, '""')
    .replace(/\[[^\]]*\]/g, '')
    .replace(/\b(?:by|without|on|ignoring)\s*\(([^)]*)\)/g, (_, labels: string) => {
      grouped.push(...labels.split(',').map((label) => label.trim()))
      return ''
    })
    .replace(/label_values\((.*),\s*(\w+)\)/, (_, selector: string, label: string) => {
      grouped.push(label)
      return selector
    })
  const found: Named[] = []
  for (const [, series, selector = ''] of bare.matchAll(SELECTOR)) {
    if (FUNCTIONS.has(series!)) continue
    const own = [...selector.matchAll(/(\w+)\s*(?:=~|!~|!=|=)/g)].map(([, label]) => label!)
    found.push({ series: series!, labels: [...own, ...grouped] })
  }
  return found
}

const AGGREGATION = /^\s*\(?(histogram_quantile\([\d.]+, )?(?:sum|min|max)\b(?: by \(([^)]*)\))?/

/** The labels that the result of a query has; undefined if it has those of its series. */
export function groupedBy(query: string): string[] | undefined {
  const [whole, quantile, labels = ''] = AGGREGATION.exec(query) ?? []
  if (whole === undefined) return undefined
  const named = labels.split(',').map((label) => label.trim())
  return named.filter((label) => label !== '' && !(quantile && label === 'le'))
}

/** Labels that a scrape adds. */
const SCRAPED = ['job', 'instance']

/** @returns what is wrong with it; undefined if the metric and its labels exist */
export function wrongWith(
  { series, labels }: Named,
  recorded: ReadonlySet<string>,
): string | undefined {
  if (recorded.has(series)) return undefined
  const base = series.replace(/_(bucket|sum|count)$/, '')
  const metric = METRICS[series] ?? METRICS[base]
  if (!metric) return `${series}: there is no such metric`
  const isPart = series !== base && METRICS[series] === undefined
  if (isPart !== (metric.type === 'histogram'))
    return `${series}: a ${metric.type} has no such series`
  const known = [...metric.labels, ...SCRAPED, ...(series.endsWith('_bucket') ? ['le'] : [])]
  const unknown = labels.filter((label) => !known.includes(label))
  return unknown.length > 0 ? `${series}: has no label ${unknown.join(', ')}` : undefined
}
