import { write } from './dom.js'
import { time } from './format.js'

/** Says of a part of the page since when its figures are old, if no new ones come. */
export class StaleNotice {
  #part
  #note
  #calm
  #at

  /** @param calm what the note says while answers come; nothing hides it */
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
