import { OUTCOMES_SHED } from './format.js'

/** Period of the mean rates: long enough that a figure can be read before it changes. */
const MEAN_SECONDS = 3
/** Period of the percentiles: one second has too few critical messages. */
const PERCENTILE_SECONDS = 10

/** Key of an event's row: an event may have rows of both classes. */
export const keyOf = ({ namespace, event, class: of }) => JSON.stringify([namespace, event, of])

/** Number of messages shed, over all outcomes. */
export function shedOf(counts) {
  return OUTCOMES_SHED.reduce((sum, outcome) => sum + counts[outcome].messages, 0)
}

/** Rates and latencies from the differences of successive totals. */
export class Rates {
  /** Totals as `[seconds, stats]`, oldest first. */
  #past = []

  /** @returns the rates; `undefined` for a server's first totals */
  add(stats, now) {
    const latest = this.#past.at(-1)?.[1]
    if (latest && hasRestarted(latest, stats)) this.#past = []
    this.#past.push([now, stats])
    while (this.#past[0][0] < now - PERCENTILE_SECONDS - 1) this.#past.shift()
    const mean = this.#since(now - MEAN_SECONDS)
    const long = this.#since(now - PERCENTILE_SECONDS)
    return mean && { ...ratesOf(mean[1], stats, now - mean[0]), latency: latencyOf(long[1], stats) }
  }

  clear() {
    this.#past = []
  }

  /** The totals at that time, or the first ones after it. */
  #since(at) {
    return this.#past.slice(0, -1).find(([seconds]) => seconds >= at) ?? this.#past.at(-2)
  }
}

function hasRestarted(before, after) {
  return (
    after.criticalLatency.count < before.criticalLatency.count || sentOf(after) < sentOf(before)
  )
}

const sentOf = ({ classes }) => classes.critical.sent.messages + classes.cosmetic.sent.messages

function ratesOf(before, after, seconds) {
  const known = new Map(before.events.map((row) => [keyOf(row), row]))
  const events = new Map()
  for (const row of after.events) {
    const old = known.get(keyOf(row))
    const grown = (figure) => Math.max(0, figure(row) - (old ? figure(old) : 0)) / seconds
    events.set(keyOf(row), { shed: grown(shedOf), observed: grown((of) => of.observed.messages) })
  }
  const sum = (name) => [...events.values()].reduce((all, each) => all + each[name], 0)
  return {
    sent: (sentOf(after) - sentOf(before)) / seconds,
    shed: sum('shed'),
    observed: sum('observed'),
    events,
  }
}

function latencyOf(before, after) {
  const old = before.criticalLatency.buckets
  const buckets = after.criticalLatency.buckets.map(({ to, messages }, index) => ({
    to,
    messages: messages - (old[index]?.messages ?? 0),
  }))
  return { p50: percentile(buckets, 0.5), p99: percentile(buckets, 0.99) }
}

/**
 * A percentile of a histogram, interpolated linearly within its bucket. In the last bucket, which has
 * no upper bound, the lower bound.
 *
 * @returns `null` for an empty histogram
 */
export function percentile(buckets, share) {
  const all = buckets.reduce((sum, { messages }) => sum + messages, 0)
  if (all === 0) return null
  let rank = all * share
  let from = 0
  for (const { to, messages } of buckets) {
    if (to === null) break
    if (messages > 0 && messages >= rank) return from + ((to - from) * rank) / messages
    rank -= messages
    from = to
  }
  return from
}
