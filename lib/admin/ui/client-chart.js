import { color, stroke, timeChart, valueAxis } from './chart.js'
import { bytes } from './format.js'

const KIB = 1024
const MIB = 1024 * KIB
/** Below this the logarithmic scale of bytes is linear, so that it has a zero. */
const LINEAR_BYTES = 4 * KIB
const TOPS = [MIB, 8 * MIB, 64 * MIB]
const BYTE_SPLITS = [0, 4 * KIB, 16 * KIB, 64 * KIB, 256 * KIB, MIB]
/** Ticks for the higher tops, wider apart so that the labels don't overlap. */
const WIDE_BYTE_SPLITS = [0, 16 * KIB, 128 * KIB, MIB, 8 * MIB, 64 * MIB]

/**
 * The chart of one client: bytes buffered, bytes in flight, and its window.
 *
 * @param watermarks returns the watermarks to draw as horizontal lines
 */
export function clientChart(root, seconds, watermarks) {
  return timeChart(root, seconds, {
    scales: { y: { distr: 4, asinh: LINEAR_BYTES, range: (_u, _min, max) => [0, topOf(max)] } },
    axes: [{}, valueAxis((max) => (max > MIB ? WIDE_BYTE_SPLITS : BYTE_SPLITS), bytes)],
    series: [
      {},
      { stroke: stroke('buffered'), width: 2, points: { show: false } },
      { stroke: stroke('in-flight'), width: 1.5, points: { show: false } },
      { stroke: stroke('window'), width: 1.5, dash: [6, 4], points: { show: false } },
    ],
    hooks: { draw: [(u) => drawWatermarks(u, watermarks())] },
  })
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
    if (y < bbox.top) continue
    ctx.strokeStyle = color(name)
    ctx.fillStyle = color(name)
    ctx.beginPath()
    ctx.moveTo(bbox.left, y)
    ctx.lineTo(bbox.left + bbox.width, y)
    ctx.stroke()
    const aside = name === 'low' ? 3 : -3 // the labels of `low` and `high` would touch
    ctx.fillText(name, bbox.left + bbox.width + 4 * scale, y + aside * scale)
  }
  ctx.restore()
}
