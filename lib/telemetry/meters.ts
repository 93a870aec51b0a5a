import { Histogram } from '../base/histogram.ts'
import { type Bytes, type BytesPerMilli, KiB, MiB, type Millis } from '../base/units.ts'
import { Sampler } from './sampler.ts'

/** Contain the default watermarks, and twice `high`, the threshold of an alert in docs/alerts.yml. */
export const BUFFERED_BUCKETS: readonly Bytes[] = [
  4 * KiB,
  16 * KiB,
  64 * KiB,
  128 * KiB,
  256 * KiB,
  512 * KiB,
  MiB,
  4 * MiB,
  16 * MiB,
]

/** About three per decade. */
const TIME_BUCKETS: readonly Millis[] = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
]

/** From 1 KB/s, a phone at the edge of its cell, to 100 MB/s, a local network. */
const RATE_BUCKETS: readonly BytesPerMilli[] = [1, 4, 10, 40, 100, 400, 1000, 10_000, 100_000]

/** Samples per second at most: each costs a marker and its answer. */
const LATENCY_SAMPLES = 100

/** Histograms and counters over all clients, recorded whether or not a metrics registry reads them. */
export class Meters {
  /** Bytes buffered for a client right before a message is offered to it. */
  readonly buffered = new Histogram(BUFFERED_BUCKETS)
  /** Time from emit to proven receipt of a sample of the critical messages. */
  readonly latency = new Histogram(TIME_BUCKETS)
  /** Selects the critical messages that get a marker right behind them, to measure latency. */
  readonly sampler = new Sampler(LATENCY_SAMPLES)
  /** Round-trip time of each answered marker. */
  readonly rtt = new Histogram(TIME_BUCKETS)
  /** A client's estimated delivery rate at each answered marker, once the rate is known. */
  readonly rate = new Histogram(RATE_BUCKETS)
  /** Number of times that clients have left congestion. */
  drains = 0
  /** Number of answers to markers that were never sent or already answered. */
  unaskedAnswers = 0

  readonly onLatency = (latency: Millis): void => this.latency.record(latency)
}
