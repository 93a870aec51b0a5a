import type { Bytes, BytesPerMilli, Millis } from './units.ts'

/**
 * What the answers of markers tell about the path to one client.
 *
 * The round trip is a windowed minimum (BBR, draft-cardwell-iccrg-bbr-congestion-control-02
 * section 4.1.2), measured by markers that were written when nothing was under way.
 *
 * The rate is that of delivery while the path was busy. BBR divides by the whole interval and
 * needs a windowed maximum (section 4.1.1) to get rid of idle time. Here idle time is known, since
 * a message is one write and the path is short, and is left out: the path was busy from when the
 * first byte was written, or from when the bytes before it had left, whichever was later. The
 * estimate is then unbiased, and a mean over about one round trip follows a change of rate both
 * ways at once, where a maximum would keep the old rate for several round trips. Of samples with
 * idle time inside (application-limited, section 4.1.1.2) the part after it is used; they raise
 * the rate, and lower it only if more waited to be sent, and by what lateness can't explain.
 */
export class PathEstimate {
  /** Of the latest answer. */
  rtt: Millis | undefined
  minRtt: Millis | undefined
  /** Undefined until the path was busy long enough to tell. */
  rate: BytesPerMilli | undefined
  /** While the rate is unknown: the path is at least so fast. */
  leastRate: BytesPerMilli = 0
  /** When a marker was last answered that had bytes before it. */
  answeredAt: Millis = Number.NEGATIVE_INFINITY
  /** When a marker was last answered before which nothing was under way. */
  clearRttAt: Millis = Number.NEGATIVE_INFINITY
  /** Delays shorter than this may be the event loop's, here or at the client. */
  readonly resolution: Millis
  /**
   * Mean deviation of round trips that found the path idle. It grows faster than it shrinks: where
   * answers come in bunches, a lucky one is no reason to hold messages back.
   */
  #jitter: Millis = 0
  #minRttAt: Millis = Number.NEGATIVE_INFINITY
  #nextMinRtt: Millis = Number.POSITIVE_INFINITY
  #sampleBytes: Bytes = 0
  #sampleBusy: Millis = 0

  constructor(resolution = RESOLUTION) {
    this.resolution = resolution
  }

  /** How long a queue on the path may be, where messages are shorter than that. */
  get allowedQueue(): Millis {
    return Math.max(QUEUE_RTTS * (this.minRtt ?? 0) + 2 * this.#jitter, this.resolution)
  }

  /**
   * Whether the round trip seems to have become longer. A path that is only thought to be clear
   * can't tell, since that thought leans on the round trip: it has to be idle.
   */
  isOld(now: Millis): boolean {
    return now - this.#minRttAt > Math.max(RTT_LIFETIME, RTT_LIFETIMES * (this.minRtt ?? 0))
  }

  /**
   * @param clear nothing was thought to be under way before the marker
   * @param idle nothing was in flight before it
   */
  sampleRtt(rtt: Millis, clear: boolean, idle: boolean, now: Millis): void {
    this.rtt = rtt
    if (this.minRtt === undefined || rtt <= this.minRtt) this.#setMinRtt(rtt, now)
    if (!clear) return
    this.clearRttAt = now
    const excess = rtt - this.minRtt!
    if (idle) this.#jitter += (excess - this.#jitter) / (excess > this.#jitter ? 4 : 8)
    if (excess <= this.#lateness) this.#setMinRtt(this.minRtt!, now)
    else if (idle) {
      this.#nextMinRtt = Math.min(this.#nextMinRtt, rtt)
      if (this.isOld(now)) this.#setMinRtt(this.#nextMinRtt, now)
    }
  }

  #setMinRtt(rtt: Millis, now: Millis): void {
    this.minRtt = rtt
    this.#minRttAt = now
    this.#nextMinRtt = Number.POSITIVE_INFINITY
  }

  /**
   * @param run bytes written since `since` without a pause in which the path was idle
   * @param limited something waited behind it: without that, a late answer tells of the path's
   *   delay at most (application-limited, as above), and the rate is at least so high
   * @param slack how long the run may have been through before `now`: its marker was written
   *   later, or the answer was handled later
   */
  sampleRate(run: Bytes, since: Millis, now: Millis, limited: boolean, slack: Millis): void {
    // a marker with nothing before it may have travelled with what was written after it
    if (run === 0) return
    const before = this.leftAt(this.answeredAt)
    this.answeredAt = now
    const lasted = Math.max(0, this.leftAt(now) - Math.max(before, since))
    const rested = since > before
    // after a rest nothing cancels what the answer was late
    const late = rested && this.rate !== undefined ? this.#lateness : 0
    const least = Math.max(0, lasted - slack - late)
    if (this.rate !== undefined && run > this.rate * lasted) this.#sample(run, lasted)
    else if (rested && !limited) this.#raiseLeast(run, least)
    else if (this.rate === undefined || run < this.rate * least) this.#sample(run, least)
  }

  #sample(run: Bytes, lasted: Millis): void {
    this.#sampleBytes += run
    this.#sampleBusy += lasted
    const shortest = Math.max(this.resolution, SHORTEST_SAMPLE)
    const busy = Math.max(this.#sampleBusy, shortest)
    const sample = this.#sampleBytes / busy
    if (busy > this.#sampleBusy) {
      // too short to measure, unless so many bytes show that the rate must be higher
      if (this.rate === undefined) this.#raiseLeast(run, lasted)
      if (this.rate === undefined || sample < 2 * this.rate) return
    }
    const weight = 1 - Math.exp(-busy / (this.minRtt! + shortest))
    this.#sampleBytes = 0
    this.#sampleBusy = 0
    this.rate = this.rate === undefined ? sample : this.rate + (sample - this.rate) * weight
  }

  #raiseLeast(run: Bytes, lasted: Millis): void {
    this.leastRate = Math.max(this.leastRate, run / Math.max(lasted, this.resolution))
  }

  /** How late an answer may be that found the path idle. */
  get #lateness(): Millis {
    return Math.max(this.minRtt! / 4, HOST_NOISE)
  }

  /** When the bytes left the path whose receipt was answered at an instant. */
  leftAt(answeredAt: Millis): Millis {
    return answeredAt - this.minRtt! - Math.min(this.#jitter, this.#lateness)
  }
}

/** Queue allowed on the path, in round trips, where messages are shorter than that. */
const QUEUE_RTTS = 0.25
/**
 * On a loaded server an answer comes some milliseconds late; a queue as short as that is allowed,
 * and a rate is not concluded from it. A timer of Node may be late by one.
 */
const RESOLUTION: Millis = 25
/** How late a busy event loop, here or there, may make an answer on a short path. */
export const HOST_NOISE: Millis = 5
const SHORTEST_SAMPLE: Millis = 2
/** So long, and so many round trips, the shortest one holds without another as short. */
const RTT_LIFETIME: Millis = 10_000
const RTT_LIFETIMES = 20
