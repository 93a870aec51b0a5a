import { ask } from './api.js'
import { ClientsTable, sortByHeads } from './clients-table.js'
import { byId, write } from './dom.js'
import { plural } from './format.js'
import { Pager } from './pager.js'

const PAGE = 10
/** The clients that the verdict is about, also the table's default page. */
const WATCHED = `/clients?sort=worst&limit=${PAGE}`

/** The section with the table of clients, its filter and its pager. */
export class Clients {
  /** The clients that are worst off; `undefined` until the first answer. */
  watched
  #section = byId('clients')
  #form = byId('clients-filter')
  #table
  #pager
  #showSort

  /** @param onChange called when the reader chose another page, order or filter */
  constructor(onChange) {
    const table = byId('clients-table')
    const changed = () => {
      this.#showSort(this.#form.elements.sort.value)
      onChange()
    }
    const startAnew = () => {
      this.#pager.reset()
      changed()
    }
    this.#table = new ClientsTable(table)
    this.#pager = new Pager(this.#section.querySelector('.pager'), changed)
    this.#showSort = sortByHeads(table, (sort) => {
      this.#form.elements.sort.value = sort
      startAnew()
    })
    this.#showSort(this.#form.elements.sort.value)
    this.#form.addEventListener('change', startAnew)
    this.#form.addEventListener('submit', (event) => event.preventDefault())
  }

  /** @param context returns the latest totals */
  async ask(signal, context) {
    const path = this.#path()
    const [watched, other] = await Promise.all([
      ask(WATCHED, { signal }),
      path === WATCHED ? undefined : this.#askForPage(path, signal),
    ])
    const shown = path === WATCHED ? watched : other
    this.watched = watched.clients
    if (shown && path === this.#path()) this.#show(shown, context())
  }

  /** Requests a page. Returns to the first one if the cursor is refused or the page is empty. */
  async #askForPage(path, signal) {
    const isFirst = this.#pager.cursor === undefined
    try {
      const page = await ask(path, { signal })
      if (isFirst || page.clients.length > 0) return page
    } catch (error) {
      if (error.status !== 400 || isFirst) throw error
    }
    if (path === this.#path()) this.#pager.reset()
    return undefined
  }

  #path() {
    const { sort, ...filters } = Object.fromEntries(new FormData(this.#form))
    const query = new URLSearchParams({ sort, limit: PAGE })
    for (const [name, value] of Object.entries(filters)) if (value) query.set(name, value)
    if (this.#pager.cursor !== undefined) query.set('cursor', this.#pager.cursor)
    return `/clients?${query}`
  }

  #show({ total, clients, next }, context) {
    if (!context || this.#table.frozen) return
    this.#table.show(clients, context)
    this.#pager.show(next)
    const filtered = [...new FormData(this.#form)].some(([name, value]) => name !== 'sort' && value)
    write(byId('clients-total'), `${plural(total, 'client')}${filtered ? ' of this filter' : ''}`)
    const empty = this.#section.querySelector('.empty')
    empty.hidden = clients.length > 0
    write(empty, filtered ? 'No client is like this.' : 'No clients are connected.')
  }
}
