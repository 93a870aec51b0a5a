import { write } from './dom.js'
import { time } from './format.js'

/** A note on a part of the page that tells since when its figures are stale. */
export class StaleNotice {
  #part
  #note
  #calm
  #at

  /** @param calm text of the note while answers arrive; the empty text hides it */
  constructor(part, note = part.querySelector('.lost-words'), calm = '') {
    this.#part = part
    this.#note = note
    this.#calm = calm
  }

  answered() {
    this.#at = Date.now()
    this.#say(false, this.#calm)
  }

  lost({ message }) {
    const since = this.#at === undefined ? '' : ` since ${time(this.#at)}`
    this.#say(true, `Not reached${since}: ${message}`)
  }

  #say(isLost, words) {
    this.#part.classList.toggle('lost', isLost)
    this.#note.hidden = words === ''
    write(this.#note, words)
  }
}
