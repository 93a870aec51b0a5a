import { latencyChart } from '/latency-chart.js'
import { io } from '/socket.io/socket.io.esm.min.js'
import { clientChart } from '/spillway/ui/client-chart.js'
import { bytes, count, percent, rate, span } from '/spillway/ui/format.js'
import { Samples } from '/spillway/ui/samples.js'

/** How much of the past is on show. */
const SECONDS = 60

const PERCENTILE_SECONDS = 30
/** With something critical every second, this long a silence is worth a word. */
const SILENCE_SECONDS = 3
/** So long the page shows why the server closed a connection before it makes a new one. */
const RECONNECT_SECONDS = 3
/** So long what was shed last is worth a word. */
const LATELY_MS = 10_000
/** Figures that only a connected client has. */
const DELIVERY = [
  'buffered',
  'inFlight',
  'window',
  'rate',
  'rtt',
  'minRtt',
  'waitCritical',
  'waitCosmetic',
]

/** One client of the lobby, with what it sees and what the server tells of it. */
export class Panel {
  /** The number of the latest critical message. */
  lastSeq = 0
  #root
  #socket
  #charts
  #watermarks = {}
  #latencies = new Samples(SECONDS)
  #samples = new Samples(SECONDS)
  #reels = new Map()
  #lastAt
  #received = 0
  #missed = 0
  #frames = 0
  #serverId
  #closedSince

  constructor(root, { name, link, url }) {
    this.#root = root
    root.querySelector('h2').textContent = name
    root.querySelector('.link').textContent = link
    this.#charts = {
      latency: latencyChart(root.querySelector('[data-chart=latency]'), SECONDS),
      client: clientChart(
        root.querySelector('[data-chart=client]'),
        SECONDS,
        () => this.#watermarks,
      ),
    }
    this.#socket = io(url, { transports: ['websocket'], forceNew: true })
    this.#listen()
  }

  /** The page of the admin routes about this client; undefined while it is not connected. */
  get statsPath() {
    const { id } = this.#socket
    return id && `/spillway/clients/${id}`
  }

  /**
   * @param stats the server's answer, `null` if it knows no such client
   * @param reference the panel that is never late
   */
  show(stats, state, reference) {
    const now = performance.now() / 1000
    this.#watermarks = state.watermarks
    if (stats) this.#showStats(stats, now)
    else this.#showClosed(now)
    this.#showLatency(now, state)
    const behind = Math.max(0, reference.lastSeq - this.lastSeq)
    this.#write('received', count(this.#received))
    this.#write('behind', count(behind), behind > 3)
    this.#write('missed', count(this.#missed), this.#missed > 0)
    this.#write('frames', count(this.#frames))
    this.#charts.latency.show(this.#latencies.columns(2), now)
    this.#charts.client.show(this.#samples.columns(4), now)
  }

  /** Tells why the server closed the client, if it remembers it. */
  tell(closed) {
    const mine = closed.find(({ id }) => id === this.#serverId)
    if (mine) this.#write('why', `by the server, ${mine.reason}; a new connection follows`)
  }

  #listen() {
    const socket = this.#socket
    const badge = this.#root.querySelector('.badge')
    const connection = (words) => {
      badge.textContent = words
      badge.classList.toggle('connected', socket.connected)
    }
    connection('connecting')
    socket.on('connect', () => connection('connected'))
    socket.on('disconnect', (reason) => connection(reason))
    socket.on('jackpot:won', (message) => this.#onCritical(message))
    socket.on('table:state', (message) => {
      if (message.kind === 'seat') this.#onCritical(message)
    })
    socket.on('reel:frame', (message) => this.#onFrame(message))
  }

  #onCritical({ seq, sentAt }) {
    const late = Math.max(0, Date.now() - sentAt)
    if (this.lastSeq > 0 && seq > this.lastSeq) this.#missed += seq - this.lastSeq - 1
    this.lastSeq = seq
    this.#received++
    this.#lastAt = performance.now() / 1000
    // a logarithmic scale has no zero
    this.#latencies.add(this.#lastAt, Math.max(1, late))
    this.#write('last', span(late))
  }

  #onFrame({ game, symbols }) {
    this.#frames++
    let reel = this.#reels.get(game)
    if (!reel) {
      reel = document.createElement('span')
      this.#reels.set(game, reel)
      this.#root.querySelector('.reels').append(reel)
    }
    reel.textContent = symbols.join(' ')
  }

  #showLatency(now, { loadRunning }) {
    const since = now - PERCENTILE_SECONDS
    this.#write('p50', span(this.#latencies.percentile(0.5, since)))
    this.#write('p99', span(this.#latencies.percentile(0.99, since)))
    const silence = this.#lastAt === undefined ? 0 : now - this.#lastAt
    const silent = loadRunning && silence > SILENCE_SECONDS
    this.#write(
      'lastWords',
      silent ? `and nothing critical for ${Math.round(silence)} s` : 'last critical message',
    )
  }

  #showStats(stats, now) {
    const { dropped, conflated, expired, observed } = stats
    this.#serverId = stats.id
    this.#closedSince = undefined
    this.#samples.add(now, stats.buffered, stats.inFlight, stats.window)
    this.#write('shed', count(dropped.messages + conflated.messages + expired.messages))
    this.#write('conflated', count(conflated.messages))
    this.#write('state', stats.congested ? `${stats.state}, congested` : stats.state)
    const would = observed.messages > 0 ? `; ${count(observed.messages)} would have been shed` : ''
    this.#write('why', `${stats.why}${would}`)
    this.#write('lastShed', shedWords(stats))
    this.#write('buffered', bytes(stats.buffered))
    this.#write('inFlight', bytes(stats.inFlight))
    this.#write('window', bytes(stats.window))
    this.#write('rate', rate(stats.rate))
    this.#write('rtt', span(stats.rtt))
    this.#write('minRtt', span(stats.minRtt))
    this.#write('waitCritical', span(stats.wait.critical))
    this.#write('waitCosmetic', span(stats.wait.cosmetic))
  }

  /** The end of a connection comes after everything that is in the pipe: minutes, on a slow link. */
  #showClosed(now) {
    this.#samples.add(now, null, null, null)
    this.#write('state', this.#socket.connected ? 'closed' : 'not connected')
    this.#write('why', '')
    this.#write('lastShed', '')
    for (const figure of DELIVERY) this.#write(figure, '–')
    if (!this.#socket.connected) return
    this.#closedSince ??= now
    if (now - this.#closedSince < RECONNECT_SECONDS) return
    this.#closedSince = undefined
    this.#socket.disconnect().connect()
  }

  #write(figure, words, alarm = false) {
    const place = this.#root.querySelector(`[data-figure=${figure}]`)
    if (place.textContent !== words) place.textContent = words
    place.parentElement.classList.toggle('alarm', alarm)
  }
}

/** How much is shed for it, what was shed last, and why. */
function shedWords({ losing, lossShare, lastShed }) {
  const share = losing ? `Loses ${percent(lossShare)} of what it is offered. ` : ''
  if (lastShed === null || lastShed.ago > LATELY_MS) return share
  return `${share}Last ${lastShed.outcome}: ${lastShed.event}, ${lastShed.why}.`
}
