/** Longest time between two requests to a server that doesn't answer. */
const LONGEST_MS = 10_000

/** Repeats a request, one at a time, while the page is visible. */
export class Poll {
  #every
  #task
  #onFailure
  #timer
  #asking
  #failures = 0
  /** Whether `now` was called while a request was pending. */
  #again = false
  #started = false

  /**
   * @param every milliseconds between an answer and the next request; doubled with each failure
   * @param task makes the request; its argument is a signal that is aborted by `stop`
   */
  constructor({ every, task, onFailure }) {
    this.#every = every
    this.#task = task
    this.#onFailure = onFailure
    document.addEventListener('visibilitychange', () => {
      if (document.hidden) clearTimeout(this.#timer)
      else this.now()
    })
  }

  start() {
    this.#started = true
    this.#failures = 0
    this.now()
  }

  stop() {
    this.#started = false
    clearTimeout(this.#timer)
    this.#asking?.abort()
  }

  /** Makes the next request at once, or as soon as the pending one is answered. */
  now() {
    clearTimeout(this.#timer)
    if (!this.#started || document.hidden) return
    if (this.#asking) this.#again = true
    else void this.#ask()
  }

  async #ask() {
    const asking = new AbortController()
    this.#asking = asking
    this.#again = false
    try {
      await this.#task(asking.signal)
      this.#failures = 0
    } catch (error) {
      if (!asking.signal.aborted) {
        this.#failures++
        this.#onFailure(error)
      }
    }
    this.#asking = undefined
    if (!this.#started || document.hidden) return
    const delay = Math.min(LONGEST_MS, this.#every * 2 ** this.#failures)
    // also after stop and start while the request was pending: its answer was discarded
    const urgent = this.#again || asking.signal.aborted
    this.#timer = setTimeout(() => this.now(), urgent ? 0 : delay)
  }
}
