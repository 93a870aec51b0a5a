import { make, write } from './dom.js'

/** Buttons for a list that is read by cursors, which only lead forward. */
export class Pager {
  #cursors = []
  #next = null
  #first
  #back
  #forth
  #words

  /** @param onChange called when another page is wanted */
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

  /** Of the page that is wanted; `undefined` for the first. */
  get cursor() {
    return this.#cursors.at(-1)
  }

  reset() {
    this.#cursors = []
  }

  /** @param next the cursor of the page after the one on show, if there is one */
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
