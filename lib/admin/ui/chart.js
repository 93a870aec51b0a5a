import uPlot from './uPlot.esm.js'

export const color = (name) =>
  getComputedStyle(document.documentElement).getPropertyValue(`--${name}`)

/** A function that returns the colour in the current colour scheme when a chart is drawn. */
export const stroke = (name) => () => color(name)

/**
 * Makes a chart that fills an element and follows its size.
 *
 * @param options uPlot's options
 */
export function plotIn(root, options) {
  const plot = new uPlot(
    {
      ...options,
      ...sizeOf(root),
      legend: { show: false },
      cursor: { show: false },
    },
    options.series.map(() => []),
    root,
  )
  new ResizeObserver(() => plot.setSize(sizeOf(root))).observe(root)
  return plot
}

/** A line chart of the last `seconds` seconds. */
export function timeChart(root, seconds, options) {
  const [, ...others] = options.axes
  const plot = plotIn(root, {
    padding: [8, 34, 0, 0],
    ...options,
    axes: [timeAxis(seconds), ...others],
    scales: { x: { time: false }, ...options.scales },
  })
  return {
    /** @param columns times in seconds, then the values of each series */
    show(columns, now) {
      plot.batch(() => {
        plot.setData(columns, false)
        plot.setScale('x', { min: now - seconds, max: now })
        plot.redraw(false, true)
      })
    },
  }
}

function sizeOf(root) {
  return { width: root.clientWidth, height: root.clientHeight }
}

/** An axis with labels at fixed places, which stand still while the lines move. */
function timeAxis(seconds) {
  const parts = seconds > 60 ? seconds / 60 : 4
  return {
    stroke: stroke('soft'),
    size: 30,
    gap: 7,
    ticks: { show: false },
    grid: { show: false },
    splits: (_u, _axis, min, max) =>
      Array.from({ length: parts + 1 }, (_, part) => min + (part * (max - min)) / parts),
    values: (_u, splits) => splits.map((at) => label(at - splits.at(-1), seconds)),
  }
}

function label(ago, seconds) {
  if (ago > -0.5) return 'now'
  return seconds > 60 ? `−${Math.round(-ago / 60)} min` : `−${Math.round(-ago)} s`
}

/** An axis of values. `splitsUpTo` returns the ticks for a maximum, `write` their labels. */
export function valueAxis(splitsUpTo, write) {
  return {
    stroke: stroke('soft'),
    size: 62,
    gap: 4,
    ticks: { show: false },
    grid: { stroke: stroke('rule'), width: 1 },
    splits: (_u, _axis, _min, max) => splitsUpTo(max).filter((value) => value <= max),
    filter: (_u, shown) => shown,
    values: (_u, shown) => shown.map((value) => (value === 0 ? '0' : write(value))),
  }
}
