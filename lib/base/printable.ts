/**
 * Makes untrusted text safe for logs and answers: cut to 200 characters, with characters replaced that
 * act instead of showing (control characters, such as those of terminals, and marks that change the
 * direction of writing).
 */
export function shown(text: string): string {
  const cut = text.length > MOST ? `${text.slice(0, MOST)}…` : text
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}

/**
 * Applies {@link shown} to all strings and keys of a value that is logged. Other objects than arrays and
 * plain ones stay as they are, and so does `stack`, which keeps its lines.
 */
export function shownIn<T>(value: T, depth = MOST_DEEP): T {
  if (typeof value === 'string') return shown(value) as T
  if (depth === 0) return value
  if (Array.isArray(value)) return value.map((each) => shownIn(each, depth - 1)) as T
  if (!isPlain(value)) return value
  const entries = Object.entries(value).map(([key, each]) => [
    shown(key),
    key === 'stack' ? each : shownIn(each, depth - 1),
  ])
  return Object.fromEntries(entries)
}

function isPlain(value: unknown): value is object {
  if (typeof value !== 'object' || value === null) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype
}

const MOST = 200
/** Deeper levels are left as they are: an object of a caller may contain itself. */
const MOST_DEEP = 8
