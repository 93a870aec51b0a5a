import uPlot from '/uPlot.esm.js'
import { bytes } from '/words.js'

/** How much of the past is on show. */
export const SECONDS = 60

const KIB = 1024
const MIB = 1024 * KIB
/** Below this the scale of bytes is linear, so that it has a zero. */
const LINEAR_BYTES = 4 * KIB
const TOPS = [MIB, 8 * MIB, 64 * MIB]
const BYTE_SPLITS = [0, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB]
/** The same for the higher tops, whose labels would else overlap. */
const WIDE_BYTE_SPLITS = [0, 16 * KIB, 128 * KIB, MIB, 8 * MIB, 64 * MIB]
const LATENCY_SPLITS = [1, 10, 100, 1000, 10_000, 100_000]

const color = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`)
const stroke = (name) => () => color(name)

/** Dots: when a critical message came, and how late it was. */
export function latencyChart(root) {
  return chart(root, {
    scales: { y: { distr: 3, range: [1, 100_000] } },
    axes: [timeAxis(), valueAxis(() => LATENCY_SPLITS, tick)],
    series: [
      {},
      { paths: () => null, points: { show: true, size: 6, fill: stroke('critical'), width: 0 } },
    ],
  })
}

/**
 * Lines: bytes buffered, in flight, and allowed in flight.
 *
 * @param watermarks called when drawing, for the lines across
 */
export function gaugeChart(root, watermarks) {
  return chart(root, {
    scales: { y: { distr: 4, asinh: LINEAR_BYTES, range: (_u, _min, max) => [0, topOf(max)] } },
    axes: [timeAxis(), valueAxis((max) => (max > MIB ? WIDE_BYTE_SPLITS : BYTE_SPLITS), bytes)],
    series: [
      {},
      { stroke: stroke('buffered'), width: 2, points: { show: false } },
      { stroke: stroke('in-flight'), width: 1.5, points: { show: false } },
      { stroke: stroke('window'), width: 1.5, dash: [6, 4], points: { show: false } },
    ],
    hooks: { draw: [(u) => drawWatermarks(u, watermarks())] },
  })
}

function chart(root, options) {
  const plot = new uPlot(
    {
      ...options,
      ...sizeOf(root),
      scales: { x: { time: false }, ...options.scales },
      legend: { show: false },
      cursor: { show: false },
      padding: [8, 34, 0, 0],
    },
    options.series.map(() => []),
    root,
  )
  new ResizeObserver(() => plot.setSize(sizeOf(root))).observe(root)
  return {
    show(columns, now) {
      plot.batch(() => {
        plot.setData(columns, false)
        plot.setScale('x', { min: now - SECONDS, max: now })
        plot.redraw(false, true)
      })
    },
  }
}

function sizeOf(root) {
  return { width: root.clientWidth, height: root.clientHeight }
}

/** Always the same places, so that the labels stand still while the lines move. */
function timeAxis() {
  return {
    stroke: stroke('soft'),
    size: 30,
    gap: 7,
    ticks: { show: false },
    grid: { show: false },
    splits: (_u, _axis, min, max) =>
      [0, 1, 2, 3, 4].map((quarter) => min + (quarter * (max - min)) / 4),
    values: (_u, splits) => splits.map((at) => label(at - splits.at(-1))),
  }
}

function label(ago) {
  return ago > -0.5 ? 'now' : `−${Math.round(-ago)} s`
}

const tick = (ms) => (ms < 1000 ? `${ms} ms` : `${ms / 1000} s`)

function valueAxis(splitsUpTo, write) {
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

function topOf(max) {
  return TOPS.find((top) => top >= (max ?? 0)) ?? max
}

function drawWatermarks(u, watermarks) {
  const { ctx, bbox } = u
  const scale = devicePixelRatio
  ctx.save()
  ctx.font = `${11 * scale}px system-ui, sans-serif`
  ctx.textAlign = 'left'
  ctx.textBaseline = 'middle'
  ctx.lineWidth = scale
  ctx.setLineDash([2 * scale, 3 * scale])
  for (const [name, value] of Object.entries(watermarks)) {
    const y = u.valToPos(value, 'y', true)
    ctx.strokeStyle = color(name)
    ctx.fillStyle = color(name)
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
    const aside = name === 'low' ? 3 : -3 // or else `low` and `high` touch
    ctx.fillText(name, bbox.left + bbox.width + 4 * scale, y + aside * scale)
  }
  ctx.restore()
}
