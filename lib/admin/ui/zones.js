/** Compares the bytes buffered for a client with the watermarks. */

/** The highest of `high` and `limit` that is reached; `buffered` below both. */
export function zoneOf(buffered, { high, limit }) {
  if (buffered >= limit) return 'limit'
  return buffered >= high ? 'high' : 'buffered'
}

/** Fixed positions of the watermarks on every bar, so that bars mean the same for any watermarks. */
const MARKS = [
  ['low', 0.25],
  ['high', 0.5],
  ['limit', 0.85],
  ['emergency', 1],
]

/** The share of a bar to fill for a number of bytes. */
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

/**
 * Fills a bar.
 *
 * @param track an element with one child, the bar
 */
export function fill(track, buffered, watermarks) {
  const bar = track.firstElementChild
  bar.style.inlineSize = `${(shareOf(buffered, watermarks) * 100).toFixed(1)}%`
  bar.dataset.zone = zoneOf(buffered, watermarks)
}

/** The watermarks that apply to a client now: its `high` rises with the rate of its path. */
export function watermarksOf({ high }, watermarks) {
  return high > watermarks.high
    ? { ...watermarks, high: Math.min(high, watermarks.limit) }
    : watermarks
}

/** Text of the watermark that is exceeded; empty below `high`. */
export function zoneWords(buffered, watermarks) {
  const zone = zoneOf(buffered, watermarks)
  return zone === 'buffered' ? '' : `above ${zone}`
}
