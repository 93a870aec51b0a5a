import { agentOf, hashOf, nameOf, outlookOf, showState, wordsOf } from './client-figures.js'
import { byId, copyOf, figure, Rows, write } from './dom.js'
import { bytes, count, duration, percent, rate, span } from './format.js'
import { shedOf } from './rates.js'
import { visible } from './text.js'
import { fill, watermarksOf, zoneWords } from './zones.js'

const AGENT_LENGTH = 90
const EVERY_BROWSER = /^Mozilla\/5\.0 /
/**
 * Time after a movement of the pointer in which the table isn't updated, so that rows can be
 * clicked.
 */
const HOLD_MS = 1500

/** The rows of the table of clients. */
export class ClientsTable {
  #rows
  #context
  #pointedAt = Number.NEGATIVE_INFINITY

  constructor(table) {
    const body = table.tBodies[0]
    body.addEventListener('pointermove', () => {
      this.#pointedAt = performance.now()
    })
    this.#rows = new Rows(
      body,
      () => copyOf('client-row'),
      (row, client) => showRow(row, client, this.#context),
    )
  }

  get frozen() {
    return performance.now() - this.#pointedAt < HOLD_MS
  }

  /** @param context the totals, which contain mode and watermarks */
  show(clients, context) {
    this.#context = context
    this.#rows.show(clients, ({ id }) => id)
  }
}

function showRow(row, client, context) {
  const say = (name, words) => write(figure(row, name), words)
  const link = figure(row, 'name')
  link.href = hashOf(client.id)
  say('name', nameOf(client))
  say('id', visible(client.id, 24))
  say('agent', agentOf(client, AGENT_LENGTH).replace(EVERY_BROWSER, ''))
  showState(row, client)
  say('why', wordsOf(client, context))
  row.classList.toggle('closing', outlookOf(client, context) !== undefined)
  say('buffered', bytes(client.buffered))
  const watermarks = watermarksOf(client, context.watermarks)
  say('zone', zoneWords(client.buffered, watermarks))
  fill(row.querySelector('.level-bar'), client.buffered, watermarks)
  say('wait', span(client.wait.critical))
  say('waitCosmetic', cosmeticWait(client.wait))
  say('rtt', span(client.rtt))
  say('rate', client.rate === null ? '' : rate(client.rate))
  showShed(say, client, context.mode)
  say('age', duration(client.connectedFor).split(' ', 2).join(' '))
}

/** Text of the cosmetic messages' wait; empty if it equals that of the critical ones. */
function cosmeticWait({ critical, cosmetic }) {
  return span(cosmetic) === span(critical) ? '' : `cosmetic ${span(cosmetic)}`
}

function showShed(say, client, mode) {
  const shed = shedOf(client)
  const observed = client.observed.messages
  say('shed', count(shed))
  if (mode === 'observe' || observed > shed) return say('shedShare', `${count(observed)} would be`)
  const all = shed + client.sent.messages
  say('shedShare', shed === 0 ? '' : percent(shed / all))
}

/** Lets the column heads show and change the order. */
export function sortByHeads(table, onSort) {
  const buttons = [...table.querySelectorAll('[data-sort]')]
  for (const button of buttons) {
    button.addEventListener('click', () => onSort(button.dataset.sort))
  }
  return (sort) => {
    for (const button of buttons) {
      const head = button.closest('th')
      if (button.dataset.sort === sort) head.setAttribute('aria-sort', 'descending')
      else head.removeAttribute('aria-sort')
    }
  }
}

/** Fills the filter's suggestions with the namespaces of the events. */
export function offerNamespaces(events) {
  // `other` is the label of everything without an annotation, not a namespace
  const names = new Set(events.map(({ namespace }) => namespace).filter((name) => name !== 'other'))
  const list = byId('namespaces')
  if (list.children.length === names.size) return
  list.replaceChildren(...Array.from(names, (name) => new Option('', name)))
}
