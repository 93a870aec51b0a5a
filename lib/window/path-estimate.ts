import type { Bytes, BytesPerMilli, Millis } from '../base/units.ts'
import { Doubt, isUnexplained } from './doubt.ts'
import { Noise } from './noise.ts'
import type { Proof } from './proof.ts'
import { PACKET, START, StartUp } from './start-up.ts'
import { latenessOf, lifetimeOf, longestQueue, RESOLUTION } from './tolerances.ts'

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
 * estimate is then unbiased, and a mean over about one round trip and a few packets follows a change of rate both
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
  /** Round trip of the latest answer. */
  rtt: Millis | undefined
  minRtt: Millis | undefined
  /** Undefined until the path was busy long enough to tell. */
  rate: BytesPerMilli | undefined
  /** A lower bound while the rate is unknown; then the highest rate since the round trip was confirmed. */
  leastRate: BytesPerMilli = 0
  /** When a marker was last answered that had bytes before it. */
  answeredAt: Millis = Number.NEGATIVE_INFINITY
  /** When a marker was last answered before which nothing was under way. */
  clearRttAt: Millis = Number.NEGATIVE_INFINITY
  /** Delays shorter than this may be the event loop's, here or at the client. */
  readonly resolution: Millis
  /** Finds the first rate; exists from when something first waits until the rate is known. */
  startUp: StartUp | undefined
  /** Exists from the first late answer on. */
  #noise: Noise | undefined
  /** Exists while it is open whether the path carries less or has become longer. */
  doubt: Doubt | undefined
  /** The latest marker that was alone on an idle path, if one was wanted. */
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
    return longestQueue(this.minRtt ?? 0, this.noise, this.resolution)
  }

  /** How late an answer may be by itself. */
  get noise(): Millis {
    return this.#noise?.value ?? 0
  }

  /** Whether a message alone on the path was late, by noise or by a lower rate. */
  get isDoubtful(): boolean {
    return this.#probe === WANTED
  }

  /**
   * Whether the round trip seems to have become longer. A path that is only thought to be clear
   * can't tell, since that thought leans on the round trip: it has to be idle.
   */
  isOld(now: Millis): boolean {
    return now - this.#minRttAt > lifetimeOf(this.minRtt ?? 0)
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
    if (excess <= Math.max(this.#lateness, this.noise / 2)) this.#confirm(now)
    else if (idle) {
      this.#nextMinRtt = Math.min(this.#nextMinRtt, rtt)
      if (!this.isOld(now)) return
      const next = this.#nextMinRtt
      if (this.#isLate(next - this.minRtt!, this.noise))
        this.#begin(next, (this.rate ?? 0) * next, now)
      else this.#setMinRtt(next, now)
    }
  }

  #setMinRtt(rtt: Millis, now: Millis): void {
    if (this.minRtt !== undefined && rtt > this.minRtt) this.#noise?.shrink(rtt - this.minRtt)
    this.minRtt = rtt
    this.#minRttAt = now
    this.#nextMinRtt = Number.POSITIVE_INFINITY
  }

  /** Takes an answer as evidence on whether the path carries less or has become longer. */
  judge(proof: Proof): void {
    const { now, at, slack, ahead } = proof
    // the client, not the path, may be late for a poll
    if (this.minRtt === undefined || proof.atOnce) return
    const rtt = now - at - slack
    const late = rtt - this.minRtt
    // the common case
    if (late <= this.resolution && !this.doubt) return
    if (!this.#isLate(late, this.doubt?.noise ?? this.noise)) {
      if (this.doubt && at >= this.doubt.since) this.#confirm(now)
      return
    }
    if (!this.doubt && !this.#isDoubted(late, ahead)) return
    this.doubt ??= new Doubt(now, this.noise)
    const { doubt } = this
    if (at < doubt.since) {
      const before = this.leftAt(this.answeredAt)
      const rested = proof.since > before
      const busySince = rested ? proof.since : before
      doubt.carries(rested ? proof.run : proof.bytes, this.leftAt(now) - slack - busySince)
    }
    if (doubt.answered(at, ahead, late, rtt)) this.#begin(rtt, doubt.carried * rtt, now)
    // where something critical is always in flight, no marker may decide
    else if (now - doubt.since > LONGEST_DOUBT * rtt) this.doubt = undefined
  }

  #isLate(late: Millis, noise: Millis): boolean {
    return late > Math.max(this.resolution, this.#lateness, 2 * noise)
  }

  #isDoubted(late: Millis, ahead: Bytes): boolean {
    if (ahead === 0) return true
    if (this.rate === undefined) return false
    return this.rate * SLOWER < this.leastRate || isUnexplained(late, ahead, this.rate)
  }

  /** Starts anew with another path, of which only the round trip and a lower bound of the rate are known. */
  #begin(rtt: Millis, carried: Bytes, now: Millis): void {
    this.#setMinRtt(rtt, now)
    const first = Math.max(START, carried)
    const most = Math.max(first, MORE * this.leastRate * rtt)
    this.rate = undefined
    this.leastRate = 0
    this.doubt = undefined
    this.startUp = new StartUp(this.resolution, first, most)
  }

  #confirm(now: Millis): void {
    this.#setMinRtt(this.minRtt!, now)
    this.leastRate = this.rate ?? this.leastRate
    this.doubt = undefined
  }

  /** A marker alone on the path was answered: its lateness is noise. */
  probed(at: Millis, now: Millis): void {
    this.#probe = this.isDoubtful ? { at, answeredAt: now } : undefined
    const late = now - at - this.minRtt!
    if (late <= this.#lateness) return
    this.#noise ??= new Noise()
    this.#noise.grow(late)
  }

  /** Takes the bytes that an answer has proven as a sample of the rate. */
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
      this.#probe = rested && !probe ? WANTED : undefined
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

  /** @param tells the time that the sample stands for, if longer than the path was busy */
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
    this.#sampleBytes = 0
    this.#sampleBusy = 0
    if (this.rate === undefined) this.rate = sample
    else {
      const span = this.minRtt! + this.noise + shortest + (PACKETS * PACKET) / this.rate
      const weight = 1 - Math.exp(-Math.max(busy, tells) / span)
      this.rate += (sample - this.rate) * weight
    }
    this.leastRate = Math.max(this.leastRate, this.rate)
  }

  #raiseLeast(run: Bytes, lasted: Millis): void {
    this.leastRate = Math.max(this.leastRate, run / Math.max(lasted, this.resolution))
  }

  /** How late the answer to a marker on an idle path may be. */
  get #lateness(): Millis {
    return latenessOf(this.minRtt!)
  }

  /** When the bytes left the path whose receipt was answered at an instant. */
  leftAt(answeredAt: Millis): Millis {
    return answeredAt - this.minRtt!
  }
}

/** A rate this many times lower may in truth be a longer path. */
const SLOWER = 2
/** A path that has become longer starts with at most so many times the rate of before. */
const MORE = 2
/** A doubt without an answer that decides ends after so many round trips. */
const LONGEST_DOUBT = 4
/** A message so soon after a marker alone is delayed by the same noise. */
const PAIR_GAP: Millis = 10
/** Share of the resolution by which an answer must be late or early for noise to be measured. */
const NOTICED = 0.1
const SHORTEST_SAMPLE: Millis = 2
/**
 * And for so many packets, since a message ends somewhere in one. With one round trip alone, the rate
 * of 100 kbit/s and messages of 2 KB swings by 15 %, and critical messages take 380 ms in place of 250.
 */
const PACKETS = 2

interface Probe {
  readonly at: Millis
  readonly answeredAt: Millis
}

/** A marker alone is wanted, and none was written yet. */
const WANTED: Probe = { at: Number.NEGATIVE_INFINITY, answeredAt: Number.NEGATIVE_INFINITY }
