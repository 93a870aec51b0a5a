import { open, Refused } from './api.js'

const FIRST_MS = 1000
const LONGEST_MS = 10_000
/** Silence after which the connection counts as lost; the server sends a comment every 15 s. */
const SILENT_MS = 40_000

/**
 * A stream of server-sent events. Uses `fetch`, since an EventSource can't send a token. Reconnects
 * when the stream ends, and disconnects while the page is hidden.
 */
export class Stream {
  #path
  #onEvent
  #onState
  #reading
  #timer
  #started = false
  #delay = FIRST_MS

  /** @param onState called with `open`, `paused`, `lost`, or a {@link Refused} */
  constructor(path, { onEvent, onState }) {
    this.#path = path
    this.#onEvent = onEvent
    this.#onState = onState
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) this.#pause('paused')
      else this.#resume()
    })
  }

  start() {
    this.#started = true
    this.#resume()
  }

  stop() {
    this.#started = false
    this.#pause('paused')
  }

  #resume() {
    clearTimeout(this.#timer)
    if (this.#started && !this.#reading && !document.hidden) void this.#read()
  }

  #pause(state) {
    clearTimeout(this.#timer)
    if (!this.#reading) return
    this.#reading.abort()
    this.#reading = undefined
    this.#onState(state)
  }

  async #read() {
    const reading = new AbortController()
    this.#reading = reading
    const silence = new Silence()
    try {
      const chunks = await open(this.#path, AbortSignal.any([reading.signal, silence.signal]))
      this.#onState('open')
      this.#delay = FIRST_MS
      for await (const event of eventsOf(silence.between(chunks))) this.#onEvent(event)
    } catch (error) {
      if (reading.signal.aborted) return
      if (error instanceof Refused) return this.#onState(error)
    } finally {
      silence.end()
    }
    if (reading.signal.aborted) return
    this.#reading = undefined
    this.#onState('lost')
    this.#timer = setTimeout(() => this.#resume(), this.#delay)
    this.#delay = Math.min(LONGEST_MS, this.#delay * 2)
  }
}

/** Aborts a stream that is silent for too long: a lost network reports no error. */
class Silence {
  #controller = new AbortController()
  #timer

  constructor() {
    this.#listen()
  }

  get signal() {
    return this.#controller.signal
  }

  async *between(chunks) {
    for await (const chunk of chunks) {
      this.#listen()
      yield chunk
    }
  }

  end() {
    clearTimeout(this.#timer)
  }

  #listen() {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(() => this.#controller.abort(), SILENT_MS)
  }
}

/**
 * Parses server-sent events (HTML Living Standard, 9.2.6): the fields `event` and `data`, and
 * comments.
 */
export async function* eventsOf(chunks) {
  let rest = ''
  let type = ''
  let data = []
  for await (const chunk of chunks) {
    const lines = (rest + chunk).split('\n')
    rest = lines.pop()
    for (const line of lines.map((each) => each.replace(/\r$/, ''))) {
      if (line === '') {
        if (data.length > 0) yield { type, data: JSON.parse(data.join('\n')) }
        type = ''
        data = []
      } else if (line.startsWith('event:')) type = line.slice(6).trim()
      else if (line.startsWith('data:')) data.push(line.slice(5).replace(/^ /, ''))
    }
  }
}
