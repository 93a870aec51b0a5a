import { Histogram } from '../base/histogram.ts'
import { type Bytes, type BytesPerMilli, KiB, MiB, type Millis } from '../base/units.ts'
import { Sampler } from './sampler.ts'

/** Among them the default watermarks, and twice `high`, which an alert watches. */
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

/** About three a decade. */
const TIME_BUCKETS: readonly Millis[] = [
  1, 2.5, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000, 30_000,
]

/** From a phone at the edge of its cell, 1 KB/s, to a local network, 100 MB/s. */
const RATE_BUCKETS: readonly BytesPerMilli[] = [1, 4, 10, 40, 100, 400, 1000, 10_000, 100_000]

/** A second: each costs a marker and its answer. */
const LATENCY_SAMPLES = 100

/** What is measured over all clients, as it happens. Plain numbers, kept whoever asks. */
export class Meters {
  /** Bytes buffered for a client right before it was offered a message. */
  readonly buffered = new Histogram(BUFFERED_BUCKETS)
  /** Of a sample of the critical messages, emit to proven receipt. */
  readonly latency = new Histogram(TIME_BUCKETS)
  /** Which critical messages get a marker right behind them. */
  readonly sampler = new Sampler(LATENCY_SAMPLES)
  /** Of a client's latest marker, whenever one is answered. */
  readonly rtt = new Histogram(TIME_BUCKETS)
  /** Of a client, whenever a marker is answered and the rate is known. */
  readonly rate = new Histogram(RATE_BUCKETS)
  /** How often a client has left congestion. */
  drains = 0
  /** Answers to markers that were never written, or answered before. */
  unaskedAnswers = 0

  readonly onLatency = (latency: Millis): void => this.latency.record(latency)
}
