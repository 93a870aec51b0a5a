import { ask, Refused } from './api.js'
import { byId, make, write } from './dom.js'
import { bytes, span } from './format.js'

const KIB = 1024
const MARKS = ['low', 'high', 'limit', 'emergency']
const FIELDS = ['mode', ...MARKS, 'maxAge']

/** The section with the policy and the form that changes it. */
export class Policy {
  #section = byId('policy')
  #form = byId('policy-form')
  #words = byId('policy-words')
  /** The policy in force, flattened to the names of the fields. */
  #now
  #onRefused

  /** @param onRefused called when the server refused a change for lack of authorization */
  constructor(onRefused) {
    this.#onRefused = onRefused
    this.#form.addEventListener('input', () => this.#showButtons())
    this.#form.addEventListener('reset', (event) => {
      event.preventDefault()
      for (const name of FIELDS) this.#write(name, this.#now[name])
      this.#say('')
      this.#showButtons()
    })
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault()
      void this.#change()
    })
  }

  async ask(signal) {
    this.#show(await ask('/policy', { signal }))
  }

  /** Updates the fields, except those that the reader has edited. */
  #show({ changeable, ...policy }) {
    const next = flat(policy)
    const touched = this.#now === undefined ? [] : this.#touched()
    this.#now = next
    for (const name of FIELDS) if (!touched.includes(name)) this.#write(name, next[name])
    this.#showButtons()
    this.#section.hidden = false
    this.#form.hidden = !changeable
    byId('policy-text').hidden = changeable
    if (!changeable) byId('policy-text').replaceChildren(...wordsOf(next))
  }

  async #change() {
    this.#say('Asking for it')
    try {
      const policy = await ask('/policy', { method: 'PATCH', body: this.#changes() })
      this.#now = flat(policy)
      for (const name of FIELDS) this.#write(name, this.#now[name])
      this.#showButtons()
      this.#say('Changed. It holds for all clients from now on.', 'done')
    } catch (error) {
      if (error instanceof Refused) this.#onRefused()
      this.#say(`Not changed: ${error.message}`, 'wrong')
      this.#pointAt(error.message)
    }
  }

  /** Focuses the field that an error message names. */
  #pointAt(message) {
    const [name] = /\b(low|high|limit|emergency|maxAge)\b/.exec(message) ?? []
    if (!name) return
    this.#form.elements[name].setAttribute('aria-invalid', 'true')
    this.#form.elements[name].focus()
  }

  #touched() {
    return FIELDS.filter((name) => this.#read(name) !== this.#now[name])
  }

  #changes() {
    const touched = this.#touched().map((name) => [name, this.#read(name)])
    const isMark = ([name]) => MARKS.includes(name)
    const watermarks = touched.filter(isMark)
    return {
      ...Object.fromEntries(touched.filter((field) => !isMark(field))),
      ...(watermarks.length > 0 && { watermarks: Object.fromEntries(watermarks) }),
    }
  }

  /** A field's value; `null` if it is empty, which the server refuses by the field's name. */
  #read(name) {
    const { value } = this.#form.elements[name]
    if (name === 'mode') return value
    return value === '' ? null : Math.round(Number(value) * unitOf(name))
  }

  #write(name, value) {
    const field = this.#form.elements[name]
    const words = name === 'mode' ? value : String(value / unitOf(name))
    if (field.value !== words) field.value = words
  }

  #showButtons() {
    const untouched = this.#touched().length === 0
    for (const button of this.#form.querySelectorAll('button')) button.disabled = untouched
  }

  #say(words, kind = '') {
    for (const field of this.#form.elements) field.removeAttribute('aria-invalid')
    write(this.#words, words)
    this.#words.className = kind
  }
}

const flat = ({ mode, watermarks, maxAge }) => ({ mode, ...watermarks, maxAge })

const unitOf = (name) => (MARKS.includes(name) ? KIB : 1)

function wordsOf(policy) {
  return FIELDS.map((name) => {
    const value = policy[name]
    const words = name === 'mode' ? value : name === 'maxAge' ? span(value) : bytes(value)
    return make('div', {}, make('dt', {}, name), make('dd', {}, words))
  })
}
