import type { Millis } from './units.ts'

/** Upper bounds of the buckets, about three a decade. */
export const LATENCY_BUCKETS: readonly Millis[] = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
]

/** Counts by bucket; the last one has no upper bound. */
export class Histogram {
  readonly counts: number[] = Array(LATENCY_BUCKETS.length + 1).fill(0)
  count = 0
  sum: Millis = 0

  record(value: Millis): void {
    this.count++
    this.sum += value
    let bucket = 0
    while (bucket < LATENCY_BUCKETS.length && value > LATENCY_BUCKETS[bucket]!) bucket++
    this.counts[bucket]!++
  }
}
