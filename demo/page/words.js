/** Figures as people read them. */

const whole = new Intl.NumberFormat('en')

export function count(value) {
  return whole.format(value)
}

export function span(ms) {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1) return '< 1 ms'
  if (ms < 1000) return `${Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

export function bytes(value) {
  if (value < 1024) return `${Math.round(value)} B`
  if (value < 1024 ** 2) return `${short(value / 1024)} KiB`
  return `${short(value / 1024 ** 2)} MiB`
}

function short(value) {
  return value < 10 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value))
}

const rate = (value) => `${bytes(value)}/s`

/** What a server may tell of a client beyond the rest, if it measures delivery. */
const EXTRAS = [
  ['rtt', 'RTT', span],
  ['minRtt', 'minimum RTT', span],
  ['rate', 'delivery rate', rate],
  ['inFlight', 'in flight', bytes],
  ['window', 'window', bytes],
  ['wait', 'predicted wait', span],
]

/** @returns name and value of those that are there */
export function extrasOf(stats) {
  return EXTRAS.flatMap(([key, name, write]) => {
    const value = figureOf(stats, key)
    return value === undefined ? [] : [[name, write(value)]]
  })
}

/** A number of the stats, whether it stands at the top or in a group. */
export function figureOf(stats, key) {
  for (const group of [stats, ...Object.values(stats)]) {
    if (typeof group?.[key] === 'number') return group[key]
  }
  return undefined
}
