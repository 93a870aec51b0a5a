import { byId, make, Rows, write } from './dom.js'
import { bytes, count, OUTCOMES_SHED, percent, plural } from './format.js'
import { keyOf, shedOf } from './rates.js'
import { visible } from './text.js'

/** Number of rows until the reader asks for all. */
const FEW = 8

const FIGURES = ['share', ...OUTCOMES_SHED, 'observed', 'sent', 'invalid']

/** The section with the table of events: messages sent and shed. */
export class EventsTable {
  #section = byId('events')
  #more = byId('events-all')
  #rows = new Rows(this.#section.querySelector('tbody'), createRow, showRow)
  #all = false
  #latest

  constructor() {
    this.#more.addEventListener('click', () => {
      this.#all = !this.#all
      this.show(this.#latest)
    })
  }

  show(stats) {
    this.#latest = stats
    const { events, mode } = stats
    const lossOf = (row) => shedOf(row) + row.observed.messages
    const used = events.filter((row) => row.sent.messages + lossOf(row) + row.invalid > 0)
    const sorted = used.toSorted(
      (a, b) => lossOf(b) - lossOf(a) || b.sent.messages - a.sent.messages,
    )
    this.#section.classList.toggle('observes', mode === 'observe')
    this.#rows.show(this.#all ? sorted : sorted.slice(0, FEW), keyOf)
    this.#section.querySelector('.empty').hidden = used.length > 0
    this.#more.hidden = used.length <= FEW
    this.#more.setAttribute('aria-expanded', String(this.#all))
    write(this.#more, this.#all ? 'Show fewer' : `Show all ${plural(used.length, 'event')}`)
  }
}

/** The event's name, after its namespace unless that is `/`. */
export function eventName({ namespace, event }) {
  // `other` is the label of everything without an annotation; namespaces begin with a slash
  if (namespace === 'other') return 'not annotated'
  const name = event === null ? 'no event' : visible(event, 60)
  return namespace === '/' ? name : `${visible(namespace, 40)} ${name}`
}

function createRow(row) {
  const cells = FIGURES.map((name) =>
    make('td', { class: name === 'observed' ? 'number observed' : 'number', 'data-figure': name }),
  )
  return make(
    'tr',
    {},
    make(
      'th',
      { scope: 'row' },
      eventName(row),
      ' ',
      make('small', { class: `class ${row.class}` }, visible(row.class, 20)),
    ),
    ...cells,
  )
}

function showRow(element, row) {
  const shed = shedOf(row)
  const say = (name, words, sum) => {
    const cell = element.querySelector(`[data-figure="${name}"]`)
    write(cell, words)
    if (sum) cell.title = bytes(sum.bytes)
    cell.classList.toggle('none', words === '0')
  }
  for (const outcome of ['sent', ...OUTCOMES_SHED, 'observed']) {
    say(outcome, count(row[outcome].messages), row[outcome])
  }
  say('share', shed === 0 ? '0' : percent(shed / (shed + row.sent.messages)))
  say('invalid', count(row.invalid))
}
