/** Elements. Whatever a server said goes in as text, never as HTML. */

export const byId = (id) => document.getElementById(id)

/**
 * @param attributes by name; a name with a value of `undefined` or `false` is left out
 * @param children elements and texts
 */
export function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) element.setAttribute(name, '')
    else if (value !== undefined && value !== false) element.setAttribute(name, value)
  }
  element.append(...children)
  return element
}

/** Only what changed, so that screen readers are not told the same again. */
export function write(element, words) {
  if (element.textContent !== words) element.textContent = words
}

/** The copy of a template's one element. */
export function copyOf(templateId) {
  return byId(templateId).content.firstElementChild.cloneNode(true)
}

/** By the name in `data-figure`. */
export function figure(root, name) {
  return root.querySelector(`[data-figure="${name}"]`)
}

/**
 * Brings children into an order with as few moves as come by themselves: what is in its place is
 * not touched, and what had the focus keeps it.
 */
export function arrange(parent, children) {
  const focused = document.activeElement
  const wanted = new Set(children)
  for (const child of [...parent.children]) if (!wanted.has(child)) child.remove()
  for (const [index, child] of children.entries()) {
    if (parent.children[index] !== child) parent.insertBefore(child, parent.children[index] ?? null)
  }
  if (focused?.isConnected && focused !== document.activeElement) {
    focused.focus({ preventScroll: true })
  }
}

/** One element for each item by its key, made once and updated after that. */
export class Rows {
  #parent
  #create
  #update
  #rows = new Map()

  constructor(parent, create, update) {
    this.#parent = parent
    this.#create = create
    this.#update = update
  }

  show(items, keyOf) {
    const rows = new Map()
    for (const item of items) {
      const key = keyOf(item)
      const row = this.#rows.get(key) ?? this.#create(item)
      this.#update(row, item)
      rows.set(key, row)
    }
    this.#rows = rows
    arrange(this.#parent, [...rows.values()])
  }
}

/** What can be scrolled is reached by keyboard, and what cannot is not in the way. */
export function reachScroller(box) {
  if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0
  else box.removeAttribute('tabindex')
}

export function reachScrollers() {
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) reachScroller(target.closest('.scroll'))
  })
  for (const box of document.querySelectorAll('.scroll')) {
    observer.observe(box)
    if (box.firstElementChild) observer.observe(box.firstElementChild)
  }
}
