export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = Math.floor(sorted.length / 2)
  return sorted.length % 2 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** To so many decimals. */
export function round(value: number, decimals = 3): number {
  return Number(value.toFixed(decimals))
}

/** Of a line through points `[x, y]`, by least squares; 0 if there is none. */
export function slope(points: ReadonlyArray<readonly [number, number]>): number {
  const mean = (of: (point: readonly [number, number]) => number): number =>
    points.reduce((sum, point) => sum + of(point), 0) / points.length
  const [atX, atY] = [mean(([x]) => x), mean(([, y]) => y)]
  const spread = mean(([x]) => (x - atX) ** 2)
  return spread > 0 ? mean(([x, y]) => (x - atX) * (y - atY)) / spread : 0
}
