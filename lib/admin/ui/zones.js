/** How the bytes buffered for a client stand to the watermarks. */

/** The worst watermark that so many bytes are not below. */
export function zoneOf(buffered, { high, limit }) {
  if (buffered >= limit) return 'limit'
  return buffered >= high ? 'high' : 'buffered'
}

/** Where the watermarks are on every bar: whatever they are in bytes, a bar means the same. */
const MARKS = [
  ['low', 0.25],
  ['high', 0.5],
  ['limit', 0.85],
  ['emergency', 1],
]

/** The share of a bar that so many bytes fill. */
export function shareOf(buffered, watermarks) {
  let [from, start] = [0, 0]
  for (const [name, end] of MARKS) {
    const to = watermarks[name]
    if (buffered <= to) return start + ((buffered - from) / (to - from)) * (end - start)
    from = to
    start = end
  }
  return 1
}

/** @param gauge an element with one child */
export function fill(gauge, buffered, watermarks) {
  const bar = gauge.firstElementChild
  bar.style.inlineSize = `${(shareOf(buffered, watermarks) * 100).toFixed(1)}%`
  bar.dataset.zone = zoneOf(buffered, watermarks)
}

/** What a client is judged by now: its `high` rises with the rate of its path. */
export function watermarksOf({ high }, watermarks) {
  return high > watermarks.high
    ? { ...watermarks, high: Math.min(high, watermarks.limit) }
    : watermarks
}

/** Which watermark it is above, in words; empty below `high`. */
export function zoneWords(buffered, watermarks) {
  const zone = zoneOf(buffered, watermarks)
  return zone === 'buffered' ? '' : `above ${zone}`
}
