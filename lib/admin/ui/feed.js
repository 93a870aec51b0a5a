import { hashOf, nameOf } from './client-figures.js'
import { byId, make, reachScroller, write } from './dom.js'
import { eventName } from './events-table.js'
import { bytes, count, duration, plural, span, time } from './format.js'
import { visible } from './text.js'

/** Most entries; the oldest is removed. */
const MOST = 100

const STATES = {
  open: 'live',
  paused: 'paused',
  lost: 'not reached',
}

/** The list of events from the stream, latest first. */
export class Feed {
  #list = document.querySelector('#feed ol')
  #empty = document.querySelector('#feed .empty')
  /** Counts of the latest entry if it tells of shed messages; further ones are added to it. */
  #shed

  /** Shows the stream's state. An interruption becomes an entry, since its events are missing. */
  tell(state) {
    write(byId('feed-state'), STATES[state])
    if (state !== 'open' && this.#list.firstChild && !this.#list.firstChild.matches('.gap')) {
      this.#add('gap', 'no events', 'until the page was looked at and connected again')
    }
  }

  show({ type, data }) {
    if (type === 'shed') return this.#showShed(data)
    const words = WORDS[type]?.(data)
    if (words) this.#add(type, ...words)
  }

  #showShed({ seconds, events }) {
    const sum = this.#shed ?? { seconds: 0, counts: new Map() }
    sum.seconds += seconds
    for (const event of events) {
      const name = eventName(event)
      const { dropped, conflated, expired } = event
      sum.counts.set(name, (sum.counts.get(name) ?? 0) + dropped + conflated + expired)
    }
    if (this.#shed) this.#list.firstChild.remove()
    const parts = [...sum.counts].sort(([, a], [, b]) => b - a)
    const words = parts.map(([name, messages]) => `${count(messages)} ${name}`)
    this.#add('shed', 'shed', `${words.join(', ')} in ${duration(sum.seconds * 1000)}`)
    this.#shed = sum
  }

  #add(type, title, ...children) {
    this.#shed = undefined
    this.#empty.hidden = true
    const now = new Date()
    this.#list.prepend(
      make(
        'li',
        { class: type },
        make('time', { datetime: now.toISOString() }, time(now)),
        make('b', {}, title),
        make('span', {}, ...children),
      ),
    )
    while (this.#list.children.length > MOST) this.#list.lastChild.remove()
    reachScroller(this.#list)
  }
}

const linkTo = (client) =>
  make('a', { href: hashOf(client.id) }, `${nameOf(client)} (${visible(client.id, 24)})`)

/** Title and text of an entry, by type of event. */
const WORDS = {
  congested: ({ client }) => ['congested', linkTo(client)],
  recovered: ({ client, summary }) => [
    'recovered',
    linkTo(client),
    ` after ${span(summary.lasted)}, ${plural(shedIn(summary), 'message')} shed`,
  ],
  closed: (closed) => [
    visible(closed.code, 20),
    `${nameOf(closed)}: ${visible(closed.reason)}, ${bytes(closed.undelivered.bytes)} undelivered`,
  ],
  policy: ({ mode }) => ['policy', mode ? `changed; the mode is ${visible(mode, 20)}` : 'changed'],
  omitted: (omitted) => ['omitted', `${plural(omitted.count, 'event')} that came too fast`],
}

function shedIn({ dropped, conflated, expired }) {
  return dropped + conflated + expired
}
