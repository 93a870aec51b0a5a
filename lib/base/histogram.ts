/** Counts by bucket; the last one has no upper bound. */
export class Histogram {
  /** Upper bounds, ascending. */
  readonly bounds: readonly number[]
  readonly counts: number[]
  count = 0
  sum = 0

  constructor(bounds: readonly number[]) {
    this.bounds = bounds
    this.counts = Array(bounds.length + 1).fill(0)
  }

  record(value: number): void {
    this.count++
    this.sum += value
    let bucket = 0
    while (bucket < this.bounds.length && value > this.bounds[bucket]!) bucket++
    this.counts[bucket]!++
  }
}
