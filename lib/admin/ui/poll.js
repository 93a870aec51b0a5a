/** So long at the most between two attempts to reach a server that does not answer. */
const LONGEST_MS = 10_000

/** Asks again and again, one question at a time, and only while somebody looks. */
export class Poll {
  #every
  #task
  #onFailure
  #timer
  #asking
  #failures = 0
  /** What it asks for has changed meanwhile. */
  #again = false
  #started = false

  /**
   * @param every milliseconds between an answer and the next question; doubled with each failure
   * @param task is given a signal that is aborted when nobody wants the answer any more
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

  /** At once, or as soon as the question before is answered. */
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
    // stopped and started again while it was asking counts as another question
    const urgent = this.#again || asking.signal.aborted
    this.#timer = setTimeout(() => this.now(), urgent ? 0 : delay)
  }
}
