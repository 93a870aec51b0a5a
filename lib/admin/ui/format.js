/** Formats figures for people. Times are in milliseconds. */

const whole = new Intl.NumberFormat('en')
const clock = new Intl.DateTimeFormat('en-GB', { timeStyle: 'medium' })

export function count(value) {
  return whole.format(value)
}

/** A time in milliseconds or seconds; a dash if unknown. */
export function span(ms) {
  if (ms === null || ms === undefined) return '–'
  if (ms < 1) return '< 1 ms'
  if (ms < 1000) return `${Math.round(ms)} ms`
  return `${(ms / 1000).toFixed(ms < 10_000 ? 2 : 1)} s`
}

/** A duration in its two largest units, such as `2 h 5 min`. */
export function duration(ms) {
  const seconds = Math.floor(ms / 1000)
  if (seconds < 60) return `${seconds} s`
  for (const [unit, size, smaller, part] of [
    ['d', 86_400, 'h', 3600],
    ['h', 3600, 'min', 60],
    ['min', 60, 's', 1],
  ]) {
    if (seconds < size) continue
    const rest = Math.floor((seconds % size) / part)
    return rest === 0
      ? `${Math.floor(seconds / size)} ${unit}`
      : `${Math.floor(seconds / size)} ${unit} ${rest} ${smaller}`
  }
}

export function bytes(value) {
  if (value < 1024) return `${Math.round(value)} B`
  if (value < 1024 ** 2) return `${short(value / 1024)} KiB`
  if (value < 1024 ** 3) return `${short(value / 1024 ** 2)} MiB`
  return `${short(value / 1024 ** 3)} GiB`
}

function short(value) {
  return value < 9.95 && !Number.isInteger(value) ? value.toFixed(1) : String(Math.round(value))
}

export function rate(value) {
  return value === null ? '–' : `${bytes(value)}/s`
}

export function percent(share) {
  return share < 0.01 ? '< 1 %' : `${Math.round(100 * share)} %`
}

/** A number of messages per second. */
export function perSecond(value) {
  if (value > 0 && value < 0.05) return '< 0.1'
  return value > 0 && value < 9.95 ? value.toFixed(1) : count(Math.round(value))
}

export function plural(value, one, many = `${one}s`) {
  return `${count(value)} ${value === 1 ? one : many}`
}

/** The time of day. */
export function time(at) {
  return clock.format(at)
}

/** The outcomes of a message that is shed. */
export const OUTCOMES_SHED = ['dropped', 'conflated', 'expired']
