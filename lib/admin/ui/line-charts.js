import { stroke, timeChart, valueAxis } from './chart.js'
import { perSecond } from './format.js'

/** How much of the past is on show. */
export const SECONDS = 300

/** Events with a line of their own; the others share one. */
export const LINES = 4

export const LATENCY_SPLITS = [1, 10, 100, 1000, 10_000, 100_000]
export const latencyTick = (ms) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`)

/** Messages shed a second: a line an event, and one of all others. */
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

/** The half and the whole of it are to be short numbers. */
function roundTop(max) {
  if (!(max > 2)) return 2
  const power = 10 ** Math.floor(Math.log10(max))
  return [1, 1.5, 2, 3, 4, 6, 8, 10].find((step) => step * power >= max) * power
}

/** Of critical messages, p50 and p99. */
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
