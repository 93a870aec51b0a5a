import { stroke, timeChart, valueAxis } from './chart.js'
import { perSecond } from './format.js'

/** Length of the time axis. */
export const SECONDS = 300

/** Number of events with a line of their own; all others share one. */
export const LINES = 4

export const LATENCY_SPLITS = [1, 10, 100, 1000, 10_000, 100_000]
export const latencyTick = (ms) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`)

/** The chart of messages shed per second: a line per event, and one for all others. */
export function shedChart(root) {
  return timeChart(root, SECONDS, {
    padding: [8, 12, 0, 0],
    scales: { y: { range: (_u, _min, max) => [0, roundTop(max)] } },
    axes: [{}, { ...valueAxis((max) => [0, max / 2, max], perSecond), size: 52 }],
    series: [
      {},
      ...Array.from({ length: LINES + 1 }, (_, line) => ({
        stroke: stroke(`line-${line + 1}`),
        width: 2,
        points: { show: false },
      })),
    ],
  })
}

/** Rounds up to a top whose half is a short number too, since both are labels. */
function roundTop(max) {
  if (!(max > 2)) return 2
  const power = 10 ** Math.floor(Math.log10(max))
  return [1, 1.5, 2, 3, 4, 6, 8, 10].find((step) => step * power >= max) * power
}

/** The chart of the critical messages' latency, p50 and p99. */
export function latencyChart(root) {
  return timeChart(root, SECONDS, {
    padding: [8, 12, 0, 0],
    scales: { y: { distr: 3, range: [1, 100_000] } },
    axes: [{}, { ...valueAxis(() => LATENCY_SPLITS, latencyTick), size: 52 }],
    series: [
      {},
      { stroke: stroke('critical'), width: 2, points: { show: false } },
      { stroke: stroke('critical'), width: 1.5, dash: [5, 4], points: { show: false } },
    ],
  })
}
