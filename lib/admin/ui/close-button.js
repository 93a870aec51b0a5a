import { ask, Refused } from './api.js'
import { nameOf } from './client-figures.js'
import { byId, write } from './dom.js'

/** The button that closes a client, and its confirmation dialog. */
export class CloseButton {
  #button = byId('close-client')
  #words = byId('close-words')
  #dialog = byId('confirm')
  #changeable = false
  #id

  /** @param onRefused called when the server refused the closing for lack of authorization */
  constructor(onRefused) {
    this.#button.addEventListener('click', () => this.#dialog.showModal())
    for (const answer of this.#dialog.querySelectorAll('button')) {
      answer.addEventListener('click', () => this.#dialog.close(answer.value))
    }
    this.#dialog.addEventListener('close', () => {
      if (this.#dialog.returnValue === 'close') void this.#close(onRefused)
      this.#dialog.returnValue = ''
    })
  }

  reset(id) {
    this.#id = id
    this.gone()
    write(this.#words, '')
    void this.#askWhetherChangeable()
  }

  gone() {
    this.#button.hidden = true
    this.#dialog.close()
  }

  offer(client) {
    this.#button.hidden = !this.#changeable || client.state === 'closed'
    write(byId('confirm-words'), `Close ${nameOf(client)}?`)
  }

  async #askWhetherChangeable() {
    const { changeable } = await ask('/policy').catch(() => ({ changeable: false }))
    this.#changeable = changeable
  }

  async #close(onRefused) {
    write(this.#words, 'Closing it')
    try {
      await ask(`/clients/${encodeURIComponent(this.#id)}`, { method: 'DELETE' })
      write(this.#words, 'Closed.')
    } catch (error) {
      if (error instanceof Refused) onRefused()
      write(this.#words, `Not closed: ${error.message}`)
    }
  }
}
