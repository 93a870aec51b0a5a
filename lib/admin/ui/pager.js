import { make, write } from './dom.js'

/** Buttons for a paged list. Cursors only lead forward, so the previous ones are kept. */
export class Pager {
  #cursors = []
  #next = null
  #first
  #back
  #forth
  #words

  /** @param onChange called when the reader chose another page */
  constructor(root, onChange) {
    const button = (words, press) => {
      const element = make('button', { type: 'button' }, words)
      element.addEventListener('click', () => {
        press()
        onChange()
      })
      return element
    }
    this.#first = button('First page', () => this.reset())
    this.#back = button('Page before', () => this.#cursors.pop())
    this.#forth = button('Next page', () => this.#cursors.push(this.#next))
    this.#words = make('span', { class: 'soft' })
    root.append(this.#first, this.#back, this.#words, this.#forth)
    this.show(null)
  }

  /** Cursor of the chosen page; `undefined` for the first. */
  get cursor() {
    return this.#cursors.at(-1)
  }

  reset() {
    this.#cursors = []
  }

  /** @param next cursor of the page after the current one; `null` if it is the last */
  show(next) {
    const page = this.#cursors.length + 1
    this.#next = next
    this.#first.disabled = page === 1
    this.#back.disabled = page === 1
    this.#forth.disabled = next === null
    this.#words.parentElement.hidden = page === 1 && next === null
    write(this.#words, `page ${page}`)
  }
}
