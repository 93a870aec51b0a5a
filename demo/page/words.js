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

export function rate(value) {
  return value === null ? '–' : `${bytes(value)}/s`
}
