import { color, plotIn, stroke } from './chart.js'
import { bytes, count } from './format.js'
import uPlot from './uPlot.esm.js'
import { zoneOf } from './zones.js'

/** Above this the scale is logarithmic, so that a few slow clients are visible beside thousands. */
const LINEAR_CLIENTS = 2
/** Share of the height for the highest bar; its number and the watermarks' names are above it. */
const HIGHEST = 0.72
/** Width of a bucket's label in pixels. */
const LABEL_WIDTH = 36

/** A bar chart of clients by bytes buffered, with lines at the watermarks. */
export function histogramChart(root) {
  let buckets = []
  let watermarks = {}
  const fills = () =>
    buckets.map((_, index) => color(zoneOf(buckets[index - 1]?.to ?? 0, watermarks)))
  const plot = plotIn(root, {
    padding: [4, 10, 0, 10],
    scales: {
      x: { time: false, range: () => [0, buckets.length || 1] },
      y: { distr: 4, asinh: LINEAR_CLIENTS, range: (_u, _min, max) => [0, topOf(max || 1)] },
    },
    axes: [boundAxis(() => buckets), { show: false }],
    series: [
      {},
      {
        width: 0,
        fill: stroke('buffered'),
        points: { show: false },
        paths: uPlot.paths.bars({
          size: [0.86, 90],
          radius: 0.08,
          disp: { fill: { unit: 3, values: fills } },
        }),
      },
    ],
    hooks: { draw: [(u) => drawMarks(u, buckets, watermarks), (u) => drawCounts(u, buckets)] },
  })
  return {
    show(stats) {
      buckets = stats.census.buffered
      watermarks = stats.watermarks
      plot.setData([
        buckets.map((_, index) => index + 0.5),
        buckets.map(({ clients }) => clients || null),
      ])
    },
  }
}

/** Position of a number of bytes on the axis, where whole numbers are the buckets' bounds. */
export function placeOf(value, buckets) {
  const index = buckets.findIndex(({ to }) => to === null || value <= to)
  if (index < 0) return buckets.length
  const { to } = buckets[index]
  const from = buckets[index - 1]?.to ?? 0
  if (to === null) return index + 0.5
  const share = from > 0 ? Math.log(value / from) / Math.log(to / from) : value / to
  return index + share
}

/** The chart's content as a text for screen readers. */
export function describe({ census, watermarks }) {
  const groups = census.buffered
    .map(({ to, clients }) => [clients, to === null ? 'more' : `at most ${bytes(to)}`])
    .filter(([clients]) => clients > 0)
    .map(([clients, upTo]) => `${count(clients)} with ${upTo}`)
  const marks = ['low', 'high', 'limit'].map((name) => `${name} is ${bytes(watermarks[name])}`)
  return `Clients by bytes buffered: ${groups.join(', ') || 'none counted yet'}. ${marks.join(', ')}.`
}

function topOf(max) {
  return LINEAR_CLIENTS * Math.sinh(Math.asinh(max / LINEAR_CLIENTS) / HIGHEST)
}

function boundAxis(buckets) {
  return {
    stroke: stroke('soft'),
    size: 26,
    gap: 5,
    ticks: { show: false },
    grid: { show: false },
    splits: () =>
      buckets()
        .slice(0, -1)
        .map((_, index) => index + 1),
    filter: (_u, splits) => splits,
    values: (u, splits) => {
      const every = Math.ceil(LABEL_WIDTH / (u.width / (splits.length + 1)))
      return splits.map((at) => (at % every === 0 ? short(buckets()[at - 1]?.to) : ''))
    },
  }
}

/** A short label such as `64K`, since there is little room between the bounds. */
function short(to) {
  return to === undefined || to === null ? '' : bytes(to).replace(/ (.).*/, '$1')
}

function drawMarks(u, buckets, watermarks) {
  const { ctx, bbox } = u
  const scale = devicePixelRatio
  ctx.save()
  ctx.font = `${11 * scale}px system-ui, sans-serif`
  ctx.textBaseline = 'top'
  ctx.lineWidth = scale
  ctx.setLineDash([3 * scale, 3 * scale])
  for (const name of ['low', 'high', 'limit']) {
    if (buckets.length === 0) break
    const x = u.valToPos(placeOf(watermarks[name], buckets), 'x', true)
    ctx.strokeStyle = color(name)
    ctx.fillStyle = color(name)
    ctx.beginPath()
    ctx.moveTo(x, bbox.top)
    ctx.lineTo(x, bbox.top + bbox.height)
    ctx.stroke()
    // the labels of `low` and `high` would overlap on one side
    ctx.textAlign = name === 'low' ? 'right' : 'left'
    ctx.fillText(name, x + (name === 'low' ? -4 : 4) * scale, bbox.top)
  }
  ctx.restore()
}

function drawCounts(u, buckets) {
  const { ctx } = u
  const scale = devicePixelRatio
  ctx.save()
  ctx.font = `600 ${12 * scale}px system-ui, sans-serif`
  ctx.fillStyle = color('ink')
  ctx.textAlign = 'center'
  ctx.textBaseline = 'bottom'
  for (const [index, { clients }] of buckets.entries()) {
    if (clients === 0) continue
    const x = u.valToPos(index + 0.5, 'x', true)
    ctx.fillText(count(clients), x, u.valToPos(clients, 'y', true) - 3 * scale)
  }
  ctx.restore()
}
