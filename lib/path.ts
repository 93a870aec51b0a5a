import type { Bytes, BytesPerMilli, Millis } from './units.ts'
import { Noise } from './window/noise.ts'
import { StartUp } from './window/start-up.ts'

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
 *
 * Where answers are late by themselves ({@link Noise}), that mean is too low as long as little is in
 * flight: the path waits for the window, and the window for the answers. So a queue of twice the
 * noise is allowed. It gives the path more than the answers have shown, until the path, and not the
 * noise, is what they wait for. BBR's `extra_acked` does the same for aggregated acknowledgements.
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
  /** While the rate is unknown; made when something first waits. */
  startUp: StartUp | undefined
  /** Whether a message was late that nothing else was in flight with: noise, or a lower rate? */
  isDoubtful = false
  /** Made when an answer is first late. */
  #noise: Noise | undefined
  /** Of the latest marker alone on an idle path, if it was in doubt. */
  #probe: Probe | undefined
  #minRttAt: Millis = Number.NEGATIVE_INFINITY
  #nextMinRtt: Millis = Number.POSITIVE_INFINITY
  #sampleBytes: Bytes = 0
  #sampleBusy: Millis = 0

  constructor(resolution = RESOLUTION) {
    this.resolution = resolution
  }

  /** How long a queue on the path may be, where messages are shorter than that. */
  get allowedQueue(): Millis {
    return Math.max(QUEUE_RTTS * (this.minRtt ?? 0) + QUEUE_NOISES * this.noise, this.resolution)
  }

  /** How late an answer may be by itself. */
  get noise(): Millis {
    return this.#noise?.value ?? 0
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
    if (excess <= Math.max(this.#lateness, this.noise / 2)) this.#setMinRtt(this.minRtt!, now)
    else if (idle) {
      this.#nextMinRtt = Math.min(this.#nextMinRtt, rtt)
      if (this.isOld(now)) this.#setMinRtt(this.#nextMinRtt, now)
    }
  }

  #setMinRtt(rtt: Millis, now: Millis): void {
    if (this.minRtt !== undefined && rtt > this.minRtt) this.#noise?.shrink(rtt - this.minRtt)
    this.minRtt = rtt
    this.#minRttAt = now
    this.#nextMinRtt = Number.POSITIVE_INFINITY
  }

  /** A marker was answered that had nothing before it, and nothing in flight. */
  probed(at: Millis, now: Millis): void {
    this.#probe = this.isDoubtful ? { at, answeredAt: now } : undefined
    this.isDoubtful = false
    const late = now - at - this.minRtt!
    if (late <= this.#lateness) return
    this.#noise ??= new Noise()
    this.#noise.grow(late)
  }

  /** The answer of a marker has proven bytes. */
  sampleRate(proof: Proof): void {
    const { now, since, limited, slack } = proof
    // a marker with nothing before it may have travelled with what was written after it
    if (proof.run === 0) return
    const before = this.leftAt(this.answeredAt)
    const passed = now - this.answeredAt
    this.answeredAt = now
    const rested = since > before
    const lasted = Math.max(0, this.leftAt(now) - Math.max(before, since))
    // without a rest, what was written before the run has taken its time since then, too
    const run = rested ? proof.run : proof.bytes
    this.#listen(run, lasted, rested, slack, passed)
    const probe =
      rested && this.#probe && since - this.#probe.at < PAIR_GAP ? this.#probe : undefined
    const least = this.#least(lasted, rested, slack, probe && now - probe.answeredAt)
    if (this.rate === undefined) this.#start(proof, run, least, rested)
    else if (run > this.rate * lasted) this.#sample(run, lasted, proof.atOnce ? passed : 0)
    else if (rested && !limited) this.#raiseLeast(run, least)
    else if (run < this.rate * least) {
      // without a marker alone before it, only the second one in a row is believed
      if (!rested || probe || this.isDoubtful) this.#sample(run, least)
      this.isDoubtful = rested && !probe
    }
  }

  /**
   * How long the path was busy at least.
   *
   * @param apart since the answer of a marker alone right before: that was as late by itself
   */
  #least(lasted: Millis, rested: boolean, slack: Millis, apart = lasted): Millis {
    // after a rest nothing cancels what the answer was late
    const late = rested && this.rate !== undefined ? this.#lateness : 0
    return Math.max(0, Math.min(lasted - late, apart) - slack)
  }

  #start({ limited, ...proof }: Proof, run: Bytes, lasted: Millis, alone: boolean): void {
    this.#raiseLeast(run, lasted)
    if (alone && !limited && !this.startUp && lasted < this.resolution) return
    this.startUp ??= new StartUp(this.resolution)
    const { since, ahead, now, atOnce, late } = proof
    const rtt = Math.max(this.minRtt!, this.rtt! - late)
    const answer = { run, lasted, since, ahead, alone, limited, atOnce, now, rtt }
    this.rate = this.startUp.answered(answer, this.minRtt!, this.allowedQueue)
    if (this.rate !== undefined) this.startUp = undefined
  }

  #listen(run: Bytes, lasted: Millis, rested: boolean, slack: Millis, passed: Millis): void {
    if (this.rate === undefined) return
    if (!this.#noise) {
      if (Math.abs(lasted - run / this.rate) < NOTICED * this.resolution) return
      this.#noise = new Noise()
    }
    this.#noise.answered(run, lasted, this.rate, rested, slack, passed)
  }

  /** @param tells for how long it tells of the path, if not only for as long as that was busy */
  #sample(run: Bytes, lasted: Millis, tells: Millis = 0): void {
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
    const span = this.minRtt! + this.noise + shortest
    const weight = 1 - Math.exp(-Math.max(busy, tells) / span)
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
    return answeredAt - this.minRtt!
  }
}

/** Queue allowed on the path, in round trips, where messages are shorter than that. */
const QUEUE_RTTS = 0.25
/**
 * And in spans by which answers are late by themselves. With one, a saturated path of 1 Mbit/s and a
 * jitter of 100 ms is used to 63 %, with two to 95 %.
 */
const QUEUE_NOISES = 2
/** So soon after a marker alone, a message is held up as long as it was. */
const PAIR_GAP: Millis = 10
/** Share of the resolution from which on an answer is late, or early. */
const NOTICED = 0.1
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

interface Probe {
  readonly at: Millis
  readonly answeredAt: Millis
}

/** What the answer of a marker proves. */
export interface Proof {
  readonly now: Millis
  /** All bytes since the marker that was answered before. */
  readonly bytes: Bytes
  /** The latest of these, written since `since` without a pause in which the path was idle. */
  readonly run: Bytes
  readonly since: Millis
  /** In flight when the marker was written. */
  readonly ahead: Bytes
  /** They are all that may be in flight at a time, as the response to a poll is. */
  readonly atOnce: boolean
  /**
   * Something waited behind it: without that, a late answer tells of the path's delay at most
   * (application-limited, as above), and the rate is at least so high.
   */
  readonly limited: boolean
  /**
   * How long the run may have been through before `now`: its marker was written later, or the answer
   * was handled later.
   */
  readonly slack: Millis
  /** Of the round trip, how much this process may have been late for a poll. */
  readonly late: Millis
}
