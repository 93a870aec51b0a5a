import { stroke, timeChart, valueAxis } from '/spillway/ui/chart.js'
import { LATENCY_SPLITS, latencyTick } from '/spillway/ui/line-charts.js'

/** Dots: when a critical message came, and how late it was. */
export function latencyChart(root, seconds) {
  return timeChart(root, seconds, {
    scales: { y: { distr: 3, range: [1, 100_000] } },
    axes: [{}, valueAxis(() => LATENCY_SPLITS, latencyTick)],
    series: [
      {},
      { paths: () => null, points: { show: true, size: 6, fill: stroke('critical'), width: 0 } },
    ],
  })
}
