import { ask } from './api.js'
import { agentOf, nameOf } from './client-figures.js'
import { byId, make, Rows, write } from './dom.js'
import { bytes, count, duration, plural, time } from './format.js'
import { Pager } from './pager.js'
import { visible } from './text.js'

const PAGE = 8

/** The section with the table of closed clients and the number of closings by code. */
export class ClosedTable {
  #section = byId('closings')
  #code = byId('closings-code')
  #rows = new Rows(this.#section.querySelector('tbody'), rowOf, () => {})
  #counts = new Rows(
    byId('closings-counts'),
    ([code]) => make('li', {}, make('b'), ` ${visible(code, 20)}`),
    (item, [, clients]) => {
      write(item.firstChild, count(clients))
      item.classList.toggle('none', clients === 0)
    },
  )
  #pager

  /** @param onChange called when the reader chose another page or code */
  constructor(onChange) {
    this.#pager = new Pager(this.#section.querySelector('.pager'), onChange)
    this.#code.addEventListener('change', () => {
      this.#pager.reset()
      onChange()
    })
  }

  /** Shows the closings by code of the totals. */
  showCounts({ closed }) {
    const codes = Object.entries(closed)
    this.#counts.show(codes, ([code]) => code)
    if (this.#code.options.length > 1) return
    this.#code.append(...codes.map(([code]) => new Option(code, code)))
  }

  async ask(signal) {
    const query = this.#query()
    const { closed, next } = await ask(`/closed?${query}`, { signal })
    if (query !== this.#query()) return
    // rows are never updated, since a closed client's figures are final
    this.#rows.show(closed, ({ id, at }) => `${id} ${at}`)
    this.#pager.show(next)
    const empty = this.#section.querySelector('.empty')
    empty.hidden = closed.length > 0
    write(empty, this.#code.value ? 'Nobody was closed for this.' : 'Nobody was closed lately.')
  }

  #query() {
    const query = new URLSearchParams({ limit: PAGE })
    if (this.#code.value) query.set('code', this.#code.value)
    if (this.#pager.cursor !== undefined) query.set('cursor', this.#pager.cursor)
    return String(query)
  }
}

function rowOf(closed) {
  const { code, reason, at, undelivered, inFlight, connectedFor } = closed
  const cell = (...children) => make('td', { class: 'number' }, ...children)
  return make(
    'tr',
    {},
    make('td', {}, make('time', { datetime: at }, time(new Date(at)))),
    make('th', { scope: 'row' }, nameOf(closed), make('small', {}, agentOf(closed, 60))),
    make(
      'td',
      { class: 'why' },
      make('b', {}, visible(code, 20)),
      make('small', {}, visible(reason)),
    ),
    cell(plural(undelivered.messages, 'message'), make('small', {}, bytes(undelivered.bytes))),
    cell(inFlight === null ? 'unknown' : bytes(inFlight)),
    cell(duration(connectedFor)),
  )
}
