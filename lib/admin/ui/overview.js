import { Refused } from './api.js'
import { Clients } from './clients.js'
import { offerNamespaces } from './clients-table.js'
import { ClosedTable } from './closed-table.js'
import { byId, figure, write } from './dom.js'
import { EventsTable } from './events-table.js'
import { Feed } from './feed.js'
import { duration, span } from './format.js'
import { describe, histogramChart } from './histogram-chart.js'
import { latencyChart, SECONDS } from './line-charts.js'
import { Policy } from './policy.js'
import { Poll } from './poll.js'
import { Samples } from './samples.js'
import { ShedLines } from './shed-lines.js'
import { StaleNotice } from './stale-notice.js'
import { Stream } from './stream.js'
import { showVerdict } from './verdict.js'

/** Age from which the census counts as late; the server counts about once a second. */
const LATE_MS = 3000

/** The view of all clients. */
export class Overview {
  #root = byId('overview')
  #polls
  #stream
  #clients
  #closedTable
  #events = new EventsTable()
  #latencies = new Samples(SECONDS)
  #shedLines = new ShedLines()
  #charts
  #stats
  #rates

  /**
   * @param onRefused called with the refusal of a read request
   * @param onChangeRefused called when the reader may read but not change something
   */
  constructor({ onRefused, onChangeRefused }) {
    const staleNotice = new StaleNotice(byId('clients'))
    const poll = (every, task, lost = () => {}) =>
      new Poll({
        every,
        task,
        onFailure: (error) => (error instanceof Refused ? onRefused(error) : lost(error)),
      })
    const clients = poll(
      2000,
      async (signal) => {
        await this.#clients.ask(signal, () => this.#stats)
        staleNotice.answered()
        // updated with the table, so that the two never contradict each other
        if (this.#stats) showVerdict(this.#stats, this.#rates, this.#clients.watched)
      },
      (error) => staleNotice.lost(error),
    )
    const closings = poll(5000, (signal) => this.#closedTable.ask(signal))
    const policy = new Policy(onChangeRefused)
    const policies = poll(10_000, (signal) => policy.ask(signal))
    this.#clients = new Clients(() => clients.now())
    this.#closedTable = new ClosedTable(() => closings.now())
    this.#polls = [clients, closings, policies]
    const feed = new Feed()
    this.#stream = new Stream('/events', {
      onState: (state) => (state instanceof Refused ? onRefused(state) : feed.tell(state)),
      onEvent(event) {
        feed.show(event)
        if (event.type === 'closed') closings.now()
        if (event.type === 'policy') policies.now()
      },
    })
  }

  start() {
    this.#root.hidden = false
    this.#charts ??= {
      buffered: histogramChart(byId('buffered-chart')),
      latency: latencyChart(byId('latency-chart')),
    }
    this.#shedLines.start()
    for (const poll of this.#polls) poll.start()
    this.#stream.start()
  }

  stop() {
    this.#root.hidden = true
    for (const poll of this.#polls) poll.stop()
  }

  /** Closes the stream of events, which stays open while another view is shown. */
  end() {
    this.#stream.stop()
  }

  /** Takes new totals, also while another view is shown, so that the charts have no gap. */
  show(stats, rates, now) {
    this.#stats = stats
    this.#rates = rates
    this.#shedLines.add(stats, rates, now)
    if (rates) this.#latencies.add(now, rates.latency.p50, rates.latency.p99)
    if (this.#root.hidden) return
    showVerdict(stats, rates, this.#clients.watched)
    this.#events.show(stats)
    this.#closedTable.showCounts(stats)
    offerNamespaces(stats.events)
    this.#shedLines.show(stats, rates, now)
    this.#showCensus(stats)
    this.#showLatency(rates, now)
  }

  /** Adds a gap to the charts, for a time without answers of the server. */
  interrupt(now) {
    this.#latencies.add(now, null, null)
    this.#shedLines.interrupt(now)
  }

  #showCensus(stats) {
    this.#charts.buffered.show(stats)
    const { age } = stats.census
    const late = age > LATE_MS ? `counted ${duration(age)} ago` : ''
    write(byId('census-age'), age === null ? 'not counted yet' : late)
    label('buffered-chart', describe(stats))
  }

  #showLatency(rates, now) {
    this.#charts.latency.show(this.#latencies.columns(3), now)
    if (!rates) return
    const { p50, p99 } = rates.latency
    write(figure(this.#root, 'p50'), span(p50))
    write(figure(this.#root, 'p99'), span(p99))
    label(
      'latency-chart',
      p50 === null
        ? 'Latency of critical messages: none was measured in the last 10 s'
        : `Latency of critical messages in the last 10 s: p50 ${span(p50)}, p99 ${span(p99)}`,
    )
  }
}

function label(id, words) {
  byId(id).setAttribute('aria-label', words)
}
