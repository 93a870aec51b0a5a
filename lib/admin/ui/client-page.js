import { ask, Failure, Refused } from './api.js'
import { clientChart } from './client-chart.js'
import { agentOf, nameOf, outlookOf, showState, troubleOf, whyOf } from './client-figures.js'
import { ClientTables } from './client-tables.js'
import { CloseButton } from './close-button.js'
import { byId, figure, write } from './dom.js'
import { bytes, count, duration, plural, rate, span, time } from './format.js'
import { Poll } from './poll.js'
import { Samples } from './samples.js'
import { StaleNotice } from './stale-notice.js'
import { visible } from './text.js'

const SECONDS = 120

/** The view of one client with all its figures. */
export class ClientPage {
  #root = byId('client')
  /** The id in the page's address: the client's own, or that of one of its sockets. */
  #id
  #clientId
  #stats
  #high
  #polls
  #staleNotice = new StaleNotice(this.#root)
  #samples = new Samples(SECONDS)
  #chart
  #tables = new ClientTables()
  #closeButton

  constructor({ onRefused, onChangeRefused }) {
    const poll = (every, task) =>
      new Poll({
        every,
        task,
        onFailure: (error) => (error instanceof Refused ? onRefused(error) : this.#lost(error)),
      })
    const path = () => `/clients/${encodeURIComponent(this.#id)}`
    this.#polls = [
      poll(1000, async (signal) => this.#show(await ask(path(), { signal }))),
      poll(2000, async (signal) =>
        this.#tables.showQueue(await ask(`${path()}/queue?limit=100`, { signal })),
      ),
    ]
    this.#closeButton = new CloseButton(onChangeRefused)
  }

  start(id) {
    this.#id = id
    this.#clientId = id
    this.#samples = new Samples(SECONDS)
    this.#root.hidden = false
    this.#root.classList.remove('gone')
    write(byId('client-name'), visible(id, 40))
    byId('client-name').focus()
    this.#tables.clear()
    this.#closeButton.reset(id)
    this.#chart ??= clientChart(byId('client-chart'), SECONDS, () =>
      marksOf(this.#stats, this.#high),
    )
    // a browser would resolve `.` and `..` in the path and request another route
    if (/^\.+$/.test(id)) return this.#lost(new Failure('no such client is connected', 404))
    for (const poll of this.#polls) poll.start()
  }

  stop() {
    this.#root.hidden = true
    for (const poll of this.#polls) poll.stop()
  }

  /** Takes the latest totals, which contain the watermarks and the mode. */
  context(stats) {
    this.#stats = stats
  }

  #show(client) {
    if (!this.#stats) return
    this.#clientId = client.id
    this.#high = client.high
    this.#staleNotice.answered()
    this.#root.classList.remove('gone')
    this.#say('agent', `${agentOf(client, 300)}`)
    write(byId('client-name'), `${nameOf(client)} · ${visible(client.id, 40)}`)
    document.title = `${nameOf(client)} · Spillway`
    showState(this.#root, client)
    this.#say('why', whyOf(client))
    const outlook = outlookOf(client, this.#stats) ?? troubleOf(client, this.#stats)
    figure(this.#root, 'outlook').hidden = outlook === undefined
    this.#say('outlook', outlook ?? '')
    for (const [name, write] of Object.entries(FIGURES)) this.#say(name, write(client))
    this.#closeButton.offer(client)
    this.#tables.show(client)
    this.#showChart(client)
  }

  #showChart({ buffered, inFlight, window }) {
    const now = performance.now() / 1000
    this.#samples.add(now, buffered, inFlight, window)
    this.#chart.show(this.#samples.columns(4), now)
    const words = `Buffered ${bytes(buffered)}, of it in flight ${bytes(inFlight)}, window ${bytes(window)}`
    byId('client-chart').setAttribute('aria-label', words)
  }

  async #lost(error) {
    if (error.status !== 404) return this.#staleNotice.lost(error)
    for (const poll of this.#polls) poll.stop()
    this.#root.classList.add('gone')
    this.#closeButton.gone()
    showState(this.#root, { state: 'closed' })
    this.#say('outlook', '')
    this.#say('why', 'Not connected any more.')
    const id = this.#id
    const { closed } = await ask('/closed').catch(() => ({ closed: [] }))
    if (id !== this.#id) return
    const mine = closed.find((each) => each.id === this.#clientId)
    if (!mine) return
    this.#say(
      'why',
      `Closed at ${time(new Date(mine.at))}, ${visible(mine.code, 20)}: ${visible(mine.reason)}.`,
    )
  }

  #say(name, words) {
    write(figure(this.#root, name), words)
  }
}

/** @param high the client's own `high`, which rises with the rate of its path */
function marksOf({ watermarks: { low, limit } }, high) {
  return { low, high, limit }
}

const FIGURES = {
  buffered: ({ buffered }) => bytes(buffered),
  inFlight: ({ inFlight }) => bytes(inFlight),
  window: ({ window }) => bytes(window),
  waitCritical: ({ wait }) => span(wait.critical),
  waitCosmetic: ({ wait }) => span(wait.cosmetic),
  high: ({ high }) => bytes(high),
  rate: (client) => rate(client.rate),
  rtt: ({ rtt }) => span(rtt),
  minRtt: ({ minRtt }) => span(minRtt),
  noise: ({ noise }) => span(noise),
  sinceProgress: ({ sinceProgress }) => span(sinceProgress),
  stalledFor: ({ stalledFor }) => span(stalledFor),
  queued: ({ queued, lanes }) =>
    `${bytes(queued)} in ${plural(lanes.critical.messages + lanes.cosmetic.messages, 'message')}`,
  outstanding: ({ outstanding }) => bytes(outstanding),
  transport: ({ transport }) => visible(transport, 20),
  connectedFor: ({ connectedFor }) => duration(connectedFor),
  drains: ({ drains }) => count(drains.count),
  drainsPerMinute: ({ drains }) => drains.perMinute.toFixed(1),
  lastShed: ({ lastShed }) =>
    lastShed === null
      ? 'Nothing was shed for it.'
      : `Last shed: ${visible(lastShed.event, 60)}, ${visible(lastShed.outcome, 20)}, ${span(lastShed.ago)} ago: ${whyOf(lastShed)}.`,
}
