import { open, Refused } from './api.js'

const FIRST_MS = 1000
const LONGEST_MS = 30_000

/**
 * Server-sent events read by `fetch`, since an EventSource sends no token. Made anew when it ends;
 * closed while nobody looks.
 */
export class Stream {
  #path
  #onEvent
  #onState
  #reading
  #timer
  #started = false
  #delay = FIRST_MS

  /** @param onState is told `open`, `paused` and `lost`, or of a {@link Refused} */
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
    try {
      const chunks = await open(this.#path, reading.signal)
      this.#onState('open')
      this.#delay = FIRST_MS
      for await (const event of eventsOf(chunks)) this.#onEvent(event)
    } catch (error) {
      if (reading.signal.aborted) return
      if (error instanceof Refused) return this.#onState(error)
    }
    if (reading.signal.aborted) return
    this.#reading = undefined
    this.#onState('lost')
    this.#timer = setTimeout(() => this.#resume(), this.#delay)
    this.#delay = Math.min(LONGEST_MS, this.#delay * 2)
  }
}

/** HTML Living Standard, 9.2.6, of what is used here: `event`, `data`, comments. */
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
