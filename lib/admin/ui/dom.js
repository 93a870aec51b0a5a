/** Helpers for elements. Answers of the server are inserted as text, never as HTML. */

export const byId = (id) => document.getElementById(id)

/**
 * Makes an element.
 *
 * @param attributes by name; those with the value `undefined` or `false` are omitted
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

/** Sets an element's text if it differs, so that screen readers don't announce it again. */
export function write(element, words) {
  if (element.textContent !== words) element.textContent = words
}

/** A copy of a template's only element. */
export function copyOf(templateId) {
  return byId(templateId).content.firstElementChild.cloneNode(true)
}

/** The descendant with this name in `data-figure`. */
export function figure(root, name) {
  return root.querySelector(`[data-figure="${name}"]`)
}

/**
 * Sets an element's children and their order. Children that are in place aren't moved, and the focus
 * is kept.
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

/** A list of elements, one per item. An item's key tells which element to update. */
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

/** Makes a box focusable while it can be scrolled, so that the keyboard can scroll it. */
export function reachScroller(box) {
  if (box.scrollWidth > box.clientWidth || box.scrollHeight > box.clientHeight) box.tabIndex = 0
  else box.removeAttribute('tabindex')
}

/** Keeps all boxes of the class `scroll` reachable by keyboard, also after their size changes. */
export function reachScrollers() {
  const observer = new ResizeObserver((entries) => {
    for (const { target } of entries) reachScroller(target.closest('.scroll'))
  })
  for (const box of document.querySelectorAll('.scroll')) {
    observer.observe(box)
    if (box.firstElementChild) observer.observe(box.firstElementChild)
  }
}
