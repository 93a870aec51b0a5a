/**
 * Text that somebody else made up, for logs and answers: cut, and without characters that do
 * something instead of showing (controls, among them those of terminals, and marks that turn the
 * direction of writing).
 */
export function shown(text: string): string {
  const cut = text.length > MOST ? `${text.slice(0, MOST)}…` : text
  return cut.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '\ufffd')
}

/**
 * The same of every text and key in what is logged, whoever made it up. Of objects only plain ones
 * and arrays are looked into; `stack` keeps its lines.
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
/** What is logged is flat; a caller's own object may go round in circles. */
const MOST_DEEP = 8
