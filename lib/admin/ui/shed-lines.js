import { byId, make, Rows, write } from './dom.js'
import { eventName } from './events-table.js'
import { perSecond } from './format.js'
import { LINES, SECONDS, shedChart } from './line-charts.js'
import { keyOf } from './rates.js'
import { Samples } from './samples.js'

/** The section with the chart of messages shed per second; in mode observe, of those that would be. */
export class ShedLines {
  #samples = new Samples(SECONDS)
  /** Names of the events with a line of their own, by key, in the order of their first loss. */
  #lines = new Map()
  #chart
  #legend = new Rows(byId('shed-legend'), itemOf, (item, { words }) => write(item.lastChild, words))

  /** Makes the chart, once its element is visible and has a size. */
  start() {
    this.#chart ??= shedChart(byId('shed-chart'))
  }

  add({ mode, events }, rates, now) {
    if (!rates) return
    const kind = mode === 'observe' ? 'observed' : 'shed'
    const values = Array(LINES + 1).fill(null)
    for (const row of events) {
      const rate = rates.events.get(keyOf(row))[kind]
      if (rate > 0 && !this.#lines.has(keyOf(row)) && this.#lines.size < LINES) {
        this.#lines.set(keyOf(row), eventName(row))
      }
      const line = [...this.#lines.keys()].indexOf(keyOf(row))
      const place = line < 0 ? LINES : line
      if (line >= 0 || rate > 0) values[place] = (values[place] ?? 0) + rate
    }
    this.#samples.add(now, ...values)
  }

  interrupt(now) {
    this.#samples.add(now, ...Array(LINES + 1).fill(null))
  }

  show({ mode }, rates, now) {
    const columns = this.#samples.columns(LINES + 2)
    this.#chart.show(columns, now)
    const observes = mode === 'observe'
    write(byId('shed-heading'), observes ? 'Would be shed a second' : 'Shed a second')
    if (!rates) return
    const latest = columns.slice(1).map((values) => values.at(-1) ?? null)
    const items = [...this.#lines.values()].map((name, line) => ({
      name,
      line,
      words: `${perSecond(latest[line] ?? 0)}/s`,
    }))
    const others = latest[LINES]
    if (others !== null)
      items.push({ name: 'others', line: LINES, words: `${perSecond(others)}/s` })
    if (items.length === 0) items.push({ name: 'nothing yet', words: '' })
    this.#legend.show(items, ({ line }) => line)
    const what = observes ? 'would be shed' : 'are shed'
    const words = items.map(({ name, words }) => `${name} ${words}`)
    byId('shed-chart').setAttribute('aria-label', `Messages that ${what}: ${words.join(', ')}`)
  }
}

function itemOf({ name, line }) {
  const swatch = line === undefined ? '' : make('i', { class: `line line-${line + 1}` })
  return make('li', {}, swatch, ` ${name} `, make('b'))
}
