import type { Bytes, Millis } from '../base/units.ts'
import { START } from './start-up.ts'
import { HOST_NOISE } from './tolerances.ts'
import { Transit } from './transit.ts'

/**
 * The delivery window of one client: how much may be in flight to it, so that a critical message
 * finds the path ahead of it short. Pure arithmetic; time is an argument.
 *
 * What it knows comes from markers, whose answers prove what was received ({@link Markers}). From
 * these follow the round trip and the rate ({@link PathEstimate}), and when the path will have
 * carried what is in flight ({@link Transit}). This class decides when a cosmetic message may be
 * written, and when a marker is due.
 */
export class DeliveryWindow extends Transit {
  /** When a marker was last written that measures the round trip. */
  #probedAt: Millis = Number.NEGATIVE_INFINITY

  /** Whether a cosmetic message of so many bytes may be written now. */
  hasRoom(bytes: Bytes, now: Millis, ceiling: Bytes, waiting = true): boolean {
    return this.roomAt(bytes, now, ceiling, waiting) <= now
  }

  /**
   * When a cosmetic message of so many bytes may be written, if nothing else happens until then.
   *
   * @param ceiling most bytes that may be in flight
   * @param waiting the message waits already: the path is kept busy then, and drains from time to time
   * @returns `now` or a later instant; infinity if only the answer of a marker can tell
   */
  roomAt(bytes: Bytes, now: Millis, ceiling: Bytes, waiting = true): Millis {
    if (this.blind) return now
    if (now < this.#probedAt + PROBE_GAP) return this.#probedAt + PROBE_GAP
    if (this.inFlight === 0) return now
    if (this.inFlight + bytes > ceiling) return Number.POSITIVE_INFINITY
    const { rate, minRtt } = this.path
    const trusted = this.open === 0 && this.inFlight <= this.#trust(ceiling)
    // on polling the first response measures the round trip: the less it carries, the better
    if (minRtt === undefined && this.open === 0 && (this.atOnce || this.inFlight > FIRST_BYTES)) {
      return Number.POSITIVE_INFINITY
    }
    const { doubt } = this.path
    if (waiting && doubt?.isAsked === false) {
      const clearAt = this.clearAtRate(doubt.slower)
      return clearAt > now ? clearAt : Number.POSITIVE_INFINITY
    }
    if (rate === undefined || minRtt === undefined) {
      const start = this.#start
      // a message may be longer than all that may be in flight
      if (this.inFlight + bytes <= start || this.inFlight <= start / 4) return now
      const mayBeSlow = this.path.startUp?.mayBeSlow
      return trusted && !mayBeSlow ? Math.max(now, this.clearAt) : Number.POSITIVE_INFINITY
    }
    if (this.isOverdue(now)) return Number.POSITIVE_INFINITY
    const lasts = bytes / rate
    // a message much longer than the round trip loses little if it waits for the answer
    const answer = Math.max(minRtt, Math.min(this.path.resolution, HOST_NOISE))
    if (answer < LONG_MESSAGE * lasts) return Number.POSITIVE_INFINITY
    if (waiting && this.path.isOld(now)) return Number.POSITIVE_INFINITY
    const isDrainDue = waiting && now - this.path.clearRttAt > DRAIN_INTERVAL
    if (isDrainDue && !this.atOnce) return Math.max(now, this.clearAt)
    const queue = this.allowedQueue
    const room = rate * (minRtt + Math.max(lasts, queue))
    if (this.atOnce) {
      // nothing leaves behind a response, not even what is critical, before all of it has arrived
      const isFull = this.inFlight + bytes > room
      return isFull || isDrainDue ? Number.POSITIVE_INFINITY : now
    }
    if (this.inFlight > room && !trusted) return Number.POSITIVE_INFINITY
    return Math.max(now, this.clearAt - Math.max(LEAD, queue - lasts))
  }

  /** Most bytes that may be in flight now, in messages of the given size. */
  size(bytes: Bytes, ceiling: Bytes): Bytes {
    const { rate, minRtt } = this.path
    if (this.blind) return ceiling
    if (rate === undefined || minRtt === undefined) {
      return Math.round(Math.min(this.#start, ceiling))
    }
    const message = Math.max(bytes, this.lastBytes)
    const queue = Math.max(message, rate * this.allowedQueue)
    return Math.round(Math.min(Math.max(ceiling, bytes), rate * minRtt + queue))
  }

  /**
   * Whether a marker should be written before the next message, to measure the round trip: nothing
   * is known of it, or something waits, the path is clear and the latest such measurement is old or
   * in doubt. The first few bytes need none: the marker behind them measures the same, and leaves with
   * them in one system call. Where something waits, `roomAt` keeps the message back for a moment,
   * since a kernel sends small writes in one packet, and the answer would tell how long the packet
   * took.
   */
  probeDue(now: Millis, waiting: boolean, bytes: Bytes): boolean {
    if (this.blind) return false
    const { doubt, minRtt } = this.path
    if (minRtt === undefined) return this.open === 0 && this.inFlight + bytes > FIRST_BYTES
    if (waiting && doubt?.wantsMarker(this.leftAt(doubt.slower, now))) return true
    if (!waiting || !this.isClear(now)) return false
    const isIdle = this.inFlight === 0 && this.open === 0
    const isWanted = isIdle && (this.path.isOld(now) || this.path.isDoubtful)
    return now - this.#probedAt > (isWanted ? PROBE_GAP : PROBE_INTERVAL)
  }

  /**
   * Whether a marker should be written behind what was written: often while something waits for
   * room, rarely otherwise, since to a healthy client it costs a write and an answer.
   *
   * @param waiting something waits
   * @param asked the latency of a critical message among the bytes is measured
   */
  markerDue(now: Millis, waiting: boolean, ceiling: Bytes, asked = false): boolean {
    if (this.unmarked === 0 || this.open >= MOST_MARKERS) return false
    if (this.blind) return now - this.markedAt > BLIND_INTERVAL
    if (asked) return true
    if (this.answers < 2 && this.open < 3) return true
    if (waiting || this.limited) {
      if (this.open < SINGLE_MARKERS) return true
      return this.unmarked >= this.size(0, ceiling) / MARKERS_A_WINDOW
    }
    const trust = this.#trust(ceiling)
    if (this.unmarked >= trust || this.run >= this.knownRate * RUN_TIME) {
      if (this.unmarked >= Math.min(TRUST, this.size(0, ceiling) / 2)) return true
    }
    return now - this.markedAt > QUIET_INTERVAL
  }

  /** Whether the latest bytes need a marker because nothing has followed them for a while. */
  tailDue(now: Millis): boolean {
    return (
      !this.blind && this.unmarked > 0 && this.open === 0 && now - this.writtenAt > TAIL_INTERVAL
    )
  }

  /**
   * A marker is written behind everything that was written, except the last `behind` bytes, which the
   * transport holds back.
   *
   * @param emittedAt when the critical message right before it was emitted, if its latency is measured
   * @returns its sequence number
   */
  marked(now: Millis, behind: Bytes = 0, emittedAt?: Millis): number {
    const { doubt, minRtt, rate } = this.path
    doubt?.marked(this.inFlight, this.leftAt(doubt.slower, now), now)
    // a poll gets no closer to a clear path than a response with one message
    const isAlone = this.atOnce && this.inFlight <= this.lastBytes
    const isFirst = minRtt === undefined && this.inFlight - behind <= FIRST_BYTES
    const clear = this.inFlight === 0 || isAlone || isFirst || this.isClear(now)
    if (clear && minRtt !== undefined) this.#probedAt = now
    // the response has waited until now for the poll that it answers
    if (this.atOnce) this.left(Math.max(0, this.unmarked - behind), now)
    const clearAt = rate === undefined ? undefined : Math.max(this.clearAt, now)
    return this.append(now, behind, clear, clearAt, emittedAt)
  }

  /**
   * A marker was answered, and with it all before it. The answer to a marker that is not open changes
   * nothing.
   *
   * @param waited how long the answer may have waited in this process until it was handled
   * @param onLatency receives the latency of each critical message whose receipt this proves
   * @returns whether it was the answer to an open marker
   */
  answered(
    sequence: number,
    now: Millis,
    waited: Millis = 0,
    onLatency?: (latency: Millis) => void,
  ): boolean {
    const proof = this.prove(sequence, now, waited, onLatency)
    if (!proof) return false
    const { path } = this
    const { at, bytes, clear, idle } = proof
    path.judge(proof)
    path.sampleRtt(now - at, clear, idle, now)
    if (idle && bytes === 0) path.probed(at, now)
    path.sampleRate(proof)
    this.correct(now)
    return true
  }

  /** Bytes that may be written without a marker behind them, if nothing waits. */
  #trust(ceiling: Bytes): Bytes {
    return Math.min(TRUST, ceiling / 2, this.knownRate * TRUST_TIME)
  }

  /** Bytes that may be in flight while the rate is unknown. */
  get #start(): Bytes {
    const most = this.path.startUp?.mayBeInFlight ?? START
    if (!this.atOnce) return most
    // a response can't be stopped: what the path carries soon, or twice what it has carried
    const shown = Math.max(this.path.leastRate * SOON, 2 * this.mostProven)
    return Math.min(most, Math.max(FIRST_RESPONSE, shown))
  }
}

/** A marker behind so little measures the round trip: a CONNECT, 7 ms at 10 KB/s. */
const FIRST_BYTES: Bytes = 64
/** Size of the first response to a poll that has messages: it measures a slow path without filling it. */
const FIRST_RESPONSE: Bytes = START / 4
/** A critical message may wait so long behind a response whose path is not known yet. */
const SOON: Millis = 250
/** While nothing waits, so much goes without a marker: an answer costs as much as a message. */
const TRUST: Bytes = 48 * 1024
/** Bytes without a marker are bounded by what the path is known to carry in this time. */
const TRUST_TIME: Millis = 500
/** Bytes without a marker and without an idle moment of the path are bounded by this time. */
const RUN_TIME: Millis = 100
/** A message may be written so long before the path is clear: half a tick of a timer. */
const LEAD: Millis = 0.75
/** A message is long if the round trip is less than this share of its time on the wire. */
const LONG_MESSAGE = 0.05
/** Interval of markers that measure the round trip while something waits. */
const PROBE_INTERVAL: Millis = 2000
/** Pause after such a marker, so that it leaves in a packet of its own. */
const PROBE_GAP: Millis = 1
/** When the latest measurement of the round trip is so old, the queue drains for another one. */
const DRAIN_INTERVAL: Millis = 5000
/** The last bytes get a marker when nothing has followed for so long. */
const TAIL_INTERVAL: Millis = 1000
/** Interval of markers while nothing waits. */
const QUIET_INTERVAL: Millis = 5000
/** Interval of markers to a client that has answered none, in case it does now. */
const BLIND_INTERVAL: Millis = 10_000
/**
 * While something waits, so many messages have a marker of their own: only the time of a single
 * one shows that the path has become faster than messages are written.
 */
const SINGLE_MARKERS = 20
/** Beyond SINGLE_MARKERS open ones, markers in one window. */
const MARKERS_A_WINDOW = 12
/** Open markers of one client: `ws` ends a connection on which 60 pings wait to be answered. */
const MOST_MARKERS = 32
