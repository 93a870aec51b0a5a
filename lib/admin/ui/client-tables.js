import { byId, make, Rows, write } from './dom.js'
import { eventName } from './events-table.js'
import { bytes, count, OUTCOMES_SHED, plural, span } from './format.js'
import { visible } from './text.js'

const OUTCOMES = ['sent', ...OUTCOMES_SHED, 'undelivered', 'observed']

/** The tables on the view of one client: queue, outcomes and sockets. */
export class ClientTables {
  #queue = byId('queue')
  #total = byId('queue-total')
  #messages = new Rows(
    this.#queue.querySelector('tbody'),
    () => make('tr', {}, ...COLUMNS.map(([attributes]) => make('td', attributes))),
    (row, message) => {
      for (const [index, [, words]] of COLUMNS.entries()) write(row.children[index], words(message))
      row.className = message.class
    },
  )
  #outcomes = new Rows(
    byId('outcomes').tBodies[0],
    ([outcome]) => rowOf(make('th', { scope: 'row' }, NAMES[outcome] ?? outcome)),
    (row, [, { messages, bytes: size }]) => {
      write(row.children[1], count(messages))
      write(row.children[2], bytes(size))
      row.classList.toggle('none', messages === 0)
    },
  )
  #sockets = new Rows(
    byId('sockets').tBodies[0],
    ([namespace, id]) =>
      make(
        'tr',
        {},
        make('th', { scope: 'row' }, visible(namespace, 80)),
        make('td', {}, make('code', {}, visible(id, 40))),
      ),
    () => {},
  )

  show(client) {
    this.#outcomes.show(
      OUTCOMES.map((outcome) => [outcome, client[outcome]]),
      ([outcome]) => outcome,
    )
    this.#sockets.show(Object.entries(client.sockets), ([namespace, id]) => `${namespace} ${id}`)
  }

  /** Shows the queued messages in the order in which they would be sent. */
  showQueue({ lanes: { critical, cosmetic }, messages }) {
    const all = critical.messages + cosmetic.messages
    const shown = messages.length < all ? `; the first ${count(messages.length)} are shown` : ''
    write(
      this.#total,
      `${plural(critical.messages, 'critical message')}, ${bytes(critical.bytes)}; ` +
        `${plural(cosmetic.messages, 'cosmetic one')}, ${bytes(cosmetic.bytes)}${shown}`,
    )
    const numbered = messages.map((message, index) => ({ ...message, number: index + 1 }))
    this.#messages.show(numbered, ({ number }) => number)
    this.#queue.querySelector('.empty').hidden = messages.length > 0
  }

  clear() {
    this.#outcomes.show([], String)
    this.#sockets.show([], String)
    this.#messages.show([], String)
    write(this.#total, '')
  }
}

const NAMES = { observed: 'would be shed' }

const number = { class: 'number' }
const COLUMNS = [
  [number, (message) => String(message.number)],
  [{}, eventName],
  [{ class: 'class' }, (message) => visible(message.class, 20)],
  [number, (message) => bytes(message.bytes)],
  [number, ({ age }) => span(age)],
  [
    number,
    ({ expiresIn }) => (expiresIn === null ? 'never' : expiresIn > 0 ? span(expiresIn) : 'is over'),
  ],
]

function rowOf(head) {
  return make('tr', {}, head, make('td', number), make('td', number))
}
