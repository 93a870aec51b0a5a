import type { Bytes, BytesPerMilli, Millis } from './units.ts'

/**
 * The delivery window of one client: how much may be in flight to it, so that a critical message
 * finds the path ahead of it short. Pure arithmetic; the time is an argument.
 *
 * What it knows comes from markers. A marker is written behind some bytes; its answer proves that
 * they were received. From markers follow
 * - `inFlight`: bytes written and not proven;
 * - `minRtt`: the windowed minimum of the round trip (BBR, draft-cardwell-iccrg-bbr-congestion-
 *   control-02 section 4.1.2), measured by markers that were written when nothing was under way;
 * - `rate`: the delivery rate while the path was busy. BBR divides by the whole interval and needs
 *   a windowed maximum (section 4.1.1) to get rid of idle time. Here idle time is known, since a
 *   message is one write and the path is short, and is left out: the path was busy from when the
 *   first byte was written, or from when the bytes before it had left, whichever was later. The
 *   estimate is then unbiased, and a mean over about one round trip follows a change of rate both
 *   ways at once, where a maximum would keep the old rate for several round trips. Of samples with
 *   idle time inside (application-limited, section 4.1.1.2) the part after it is used;
 * - `clearAt`: when the path will have carried all that was written, which is corrected by each
 *   answer. So the next message can be written when the one before it is about to end, and not
 *   only when its answer is back: with messages as long as the round trip that is the difference
 *   between half the link and all of it.
 */
export class DeliveryWindow {
  /** Nothing answers markers: the window is open, local watermarks have to do. */
  blind = false
  /** Bytes written and not proven to be received. */
  inFlight: Bytes = 0
  /** Of the latest answer. */
  rtt: Millis | undefined
  minRtt: Millis | undefined
  /** Undefined until the path was busy long enough to tell. */
  rate: BytesPerMilli | undefined
  /** When something was last proven, or written while nothing was in flight. */
  progressAt: Millis
  /** Invariant: ascending by `sequence`, `bytes` and `at`. */
  readonly #markers: Marker[] = []
  #lastSequence = 0
  #answered = 0
  /** Bytes written since the latest marker. */
  #unmarked: Bytes = 0
  /** Of these, the latest that were written without a pause, and when the first of them was. */
  #run: Bytes = 0
  #runSince: Millis = 0
  /** Of the latest message. */
  #lastBytes: Bytes = 0
  #writtenAt: Millis = Number.NEGATIVE_INFINITY
  #markedAt: Millis = Number.NEGATIVE_INFINITY
  /** When the path will have carried all that was written. */
  #clearAt: Millis = Number.NEGATIVE_INFINITY
  #answeredAt: Millis = Number.NEGATIVE_INFINITY
  /** While the rate is unknown: the path is at least so fast. */
  #leastRate: BytesPerMilli = 0
  #sampleBytes: Bytes = 0
  #sampleBusy: Millis = 0
  /** Start-up: allowed in flight while the rate is unknown. */
  #start: Bytes = START
  #limited = false
  /** Mean deviation of round trips that found the path clear. */
  #jitter: Millis = 0
  #minRttAt: Millis = Number.NEGATIVE_INFINITY
  #nextMinRtt: Millis = Number.POSITIVE_INFINITY
  #clearRttAt: Millis = Number.NEGATIVE_INFINITY
  #probedAt: Millis = Number.NEGATIVE_INFINITY

  /** Delays shorter than this may be the event loop's, here or at the client. */
  readonly #resolution: Millis

  constructor(now: Millis, resolution = RESOLUTION) {
    this.progressAt = now
    this.#resolution = resolution
  }

  /** Whether a cosmetic message of so many bytes may be written now. */
  hasRoom(bytes: Bytes, now: Millis, ceiling: Bytes): boolean {
    return this.roomAt(bytes, now, ceiling) <= now
  }

  /**
   * When a cosmetic message of so many bytes may be written, if nothing else happens until then.
   *
   * @param ceiling most bytes that may be in flight: the watermark `high`
   * @returns `now` or a later instant; infinity if only the answer of a marker can tell
   */
  roomAt(bytes: Bytes, now: Millis, ceiling: Bytes): Millis {
    if (this.blind || this.inFlight === 0) return now
    if (this.inFlight + bytes > ceiling) return Number.POSITIVE_INFINITY
    const { rate, minRtt } = this
    if (rate === undefined || minRtt === undefined) {
      return this.inFlight + bytes <= this.#start ? now : Number.POSITIVE_INFINITY
    }
    if (this.#isOverdue(now)) return Number.POSITIVE_INFINITY
    const lasts = bytes / rate
    // a message much longer than the round trip loses little if it waits for the answer
    const answer = Math.max(minRtt, Math.min(this.#resolution, HOST_NOISE))
    if (answer < LONG_MESSAGE * lasts) return Number.POSITIVE_INFINITY
    if (now - this.#clearRttAt > DRAIN_INTERVAL) return Math.max(now, this.#clearAt)
    const queue = this.#allowedQueue(minRtt)
    const trusted = this.#markers.length === 0 && this.inFlight <= this.#trust(ceiling)
    if (!trusted && this.inFlight > rate * (minRtt + Math.max(lasts, queue))) {
      return Number.POSITIVE_INFINITY
    }
    return Math.max(now, this.#clearAt - Math.max(LEAD, queue - lasts))
  }

  /** Something was held back: it is the window that limits what is sent. */
  hold(): void {
    this.#limited = true
  }

  /** Most bytes that it would let be in flight now, in messages of the given size. */
  size(bytes: Bytes, ceiling: Bytes): Bytes {
    const { rate, minRtt } = this
    if (this.blind) return ceiling
    if (rate === undefined || minRtt === undefined) return Math.min(this.#start, ceiling)
    const message = Math.max(bytes, this.#lastBytes)
    const queue = Math.max(message, rate * this.#allowedQueue(minRtt))
    return Math.min(Math.max(ceiling, bytes), Math.round(rate * minRtt + queue))
  }

  /** So many bytes were handed to the transport. */
  written(bytes: Bytes, now: Millis): void {
    if (this.inFlight === 0) this.progressAt = now
    if (this.#unmarked === 0 || now > this.#clearAt) {
      this.#run = 0
      this.#runSince = now
    }
    this.#run += bytes
    this.inFlight += bytes
    this.#unmarked += bytes
    this.#writtenAt = now
    this.#lastBytes = bytes
    const lasts = this.rate ? bytes / (PACE * this.rate) : 0
    this.#clearAt = Math.max(this.#clearAt, now) + lasts
  }

  /**
   * Whether a marker should be written before the next message, to measure the round trip: nothing
   * is known of it, or the path is clear and the latest such measurement is old.
   */
  probeDue(now: Millis, waiting: boolean): boolean {
    if (this.blind) return false
    if (this.minRtt === undefined) return this.#markers.length === 0
    return waiting && this.#isClear(now) && now - this.#probedAt > PROBE_INTERVAL
  }

  /**
   * Whether a marker should be written behind what was written: often while something waits for
   * room, rarely otherwise, since to a healthy client it costs a write and an answer.
   *
   * @param waiting something waits
   * @param critical the latest message was critical, so that its latency is of interest
   */
  markerDue(now: Millis, waiting: boolean, critical: boolean, ceiling: Bytes): boolean {
    if (this.#unmarked === 0 || this.#markers.length >= MOST_MARKERS) return false
    if (this.blind) return now - this.#markedAt > BLIND_INTERVAL
    if (!this.#answered && this.#markers.length < 2) return true
    const size = this.size(0, ceiling)
    if (waiting || this.#limited) {
      return this.#markers.length < SINGLE_MARKERS || this.#unmarked >= size / MARKERS_A_WINDOW
    }
    if (this.#unmarked >= Math.max(size / 2, this.#trust(ceiling))) return true
    return now - this.#markedAt > (critical ? CRITICAL_INTERVAL : QUIET_INTERVAL)
  }

  /** Whether the latest bytes have no marker behind them and nothing is likely to follow. */
  tailDue(now: Millis): boolean {
    return (
      !this.blind &&
      this.#unmarked > 0 &&
      this.#markers.length === 0 &&
      now - this.#writtenAt > CRITICAL_INTERVAL
    )
  }

  /**
   * A marker was written behind everything that was written, but for `behind` bytes that the
   * transport holds back.
   *
   * @param emittedAt when the critical message right before it was emitted, if there is one
   * @returns its sequence number
   */
  marked(now: Millis, behind: Bytes = 0, emittedAt?: Millis): number {
    const sequence = ++this.#lastSequence
    const clear = this.inFlight === 0 || this.#isClear(now)
    if (clear) this.#probedAt = now
    const bytes = Math.max(0, this.#unmarked - behind)
    this.#markers.push({
      sequence,
      bytes,
      run: Math.min(bytes, this.#run),
      since: bytes > 0 ? this.#runSince : now,
      at: now,
      clearAt: this.rate === undefined ? undefined : Math.max(this.#clearAt, now),
      clear,
      idle: this.inFlight === 0,
      emittedAt,
    })
    this.#unmarked -= bytes
    this.#run = this.#unmarked
    this.#runSince = now
    this.#markedAt = now
    return sequence
  }

  /**
   * A marker was answered, and with it all before it (RFC 6455 section 5.5.3: an endpoint may
   * answer the latest ping only). One that was not asked for, or answered before, changes nothing.
   *
   * @param onLatency told how old the critical messages were whose receipt this proves
   * @returns whether it was an answer to an open marker
   */
  answered(sequence: number, now: Millis, onLatency?: (latency: Millis) => void): boolean {
    const markers = this.#markers
    if (!(sequence > this.#answered && sequence <= this.#lastSequence)) return false
    this.#answered = sequence
    this.blind = false
    this.progressAt = now
    let last = markers[0]!
    let bytes = 0
    let run = 0
    let since = last.since
    let count = 0
    for (; count < markers.length && markers[count]!.sequence <= sequence; count++) {
      const idle = count > 0 && markers[count]!.since > (last.clearAt ?? 0)
      last = markers[count]!
      bytes += last.bytes
      if (idle || last.run < last.bytes) {
        run = 0
        since = last.since
      }
      run += last.run
      if (last.emittedAt !== undefined) onLatency?.(now - last.emittedAt)
    }
    markers.splice(0, count)
    this.inFlight -= bytes
    this.#sampleRtt(now - last.at, last, now)
    this.#sampleRate(run, since, now)
    this.#answeredAt = now
    this.#correct(now)
    if (bytes > 0) {
      if (this.rate === undefined && this.#limited) this.#start *= 2
      this.#limited = false
    }
    return true
  }

  /**
   * The client was heard from behind what was written before `since`, though not its answer to a
   * marker there: it does not answer markers.
   */
  heardPast(since: Millis): void {
    if (this.#markers[0] !== undefined && this.#markers[0].at < since) this.blind = true
  }

  /**
   * The client was heard from, but in `patience` has not answered the first marker it was sent.
   */
  heard(now: Millis, patience: Millis): void {
    const [oldest] = this.#markers
    if (this.#answered === 0 && oldest && now - oldest.at > patience) this.blind = true
  }

  /** When the oldest open marker was written. */
  get waitsSince(): Millis | undefined {
    return this.#markers[0]?.at
  }

  /** How long bytes written now would wait before they leave, as far as it is known. */
  queueDelay(now: Millis): Millis {
    return Math.max(0, this.#clearAt - now)
  }

  /**
   * How long no answer may take before the client counts as stalled: what is in flight may be one
   * long message on a path that has become ten times slower.
   */
  patience(stallAfter: Millis): Millis {
    return stallAfter + this.inFlight / Math.max(SLOWEST, (this.rate ?? 0) / 10)
  }

  /** Bytes that may be written without a marker behind them, to a path that was clear. */
  #trust(ceiling: Bytes): Bytes {
    return Math.min(TRUST, ceiling / 2, (this.rate ?? this.#leastRate) * TRUST_TIME)
  }

  #allowedQueue(minRtt: Millis): Millis {
    return Math.max(QUEUE_RTTS * minRtt + 4 * this.#jitter, this.#resolution)
  }

  /** Whether the path is thought to have carried all that was written. */
  #isClear(now: Millis): boolean {
    return this.rate !== undefined && now >= this.#clearAt && !this.#isOverdue(now)
  }

  /** The oldest marker should have been answered: the path is slower than it was. */
  #isOverdue(now: Millis): boolean {
    const oldest = this.#markers[0]
    if (oldest?.clearAt === undefined) return false
    const expected = oldest.clearAt - oldest.at + this.minRtt!
    return now - oldest.at > expected * LATE + this.#allowedQueue(this.minRtt!)
  }

  #sampleRtt(rtt: Millis, { clear, idle }: Marker, now: Millis): void {
    this.rtt = rtt
    if (clear) {
      this.#clearRttAt = now
      this.#nextMinRtt = Math.min(this.#nextMinRtt, rtt)
      const excess = rtt - (this.minRtt ?? rtt)
      // a path that was only thought to be clear, or an excess that is too much for jitter, would
      // be taken for noise, and noise allows for a longer queue
      if (idle && excess < Math.max(rtt / 4, HOST_NOISE)) {
        this.#jitter += (excess - this.#jitter) / 8
      }
    }
    if (this.minRtt === undefined || rtt <= this.minRtt) this.#setMinRtt(rtt, now)
    else if (clear && now - this.#minRttAt > Math.max(RTT_LIFETIME, 4 * rtt)) {
      this.#setMinRtt(this.#nextMinRtt, now)
    }
  }

  #setMinRtt(rtt: Millis, now: Millis): void {
    this.minRtt = rtt
    this.#minRttAt = now
    this.#nextMinRtt = Number.POSITIVE_INFINITY
  }

  /** @param run bytes written since `since` without a pause in which the path was idle */
  #sampleRate(run: Bytes, since: Millis, now: Millis): void {
    if (run === 0) return
    const from = Math.max(this.#leftAt(this.#answeredAt), since)
    this.#sampleBytes += run
    this.#sampleBusy += Math.max(0, this.#leftAt(now) - from)
    const shortest = Math.max(this.#resolution, SHORTEST_SAMPLE)
    const busy = Math.max(this.#sampleBusy, shortest)
    const sample = this.#sampleBytes / busy
    if (busy > this.#sampleBusy) {
      // too short to measure, unless so many bytes show that the rate must be higher
      if (this.rate === undefined) this.#leastRate = Math.max(this.#leastRate, run / busy)
      if (this.rate === undefined || sample < 2 * this.rate) return
    }
    const weight = 1 - Math.exp(-busy / (this.minRtt! + shortest))
    this.#sampleBytes = 0
    this.#sampleBusy = 0
    this.rate = this.rate === undefined ? sample : this.rate + (sample - this.rate) * weight
  }

  /** When the bytes left the path whose receipt was answered at an instant. */
  #leftAt(answeredAt: Millis): Millis {
    return answeredAt - this.minRtt! - this.#jitter
  }

  /** What was proven tells where the path is: one round trip before its answer. */
  #correct(now: Millis): void {
    const { rate } = this
    if (this.inFlight === 0) this.#clearAt = Math.min(this.#clearAt, now)
    else if (rate) this.#clearAt = this.#leftAt(now) + this.inFlight / (PACE * rate)
  }
}

interface Marker {
  readonly sequence: number
  /** Written between the marker before it and it. */
  readonly bytes: Bytes
  /** The latest of these, written without a pause in which the path was idle. */
  readonly run: Bytes
  /** When the first byte of the run was written. */
  readonly since: Millis
  readonly at: Millis
  /** When the path was expected to have carried all before it, if its rate was known. */
  readonly clearAt: Millis | undefined
  /** The path was thought to be clear, so that its answer measures the round trip. */
  readonly clear: boolean
  /** Nothing was in flight before it. */
  readonly idle: boolean
  readonly emittedAt: Millis | undefined
}

/** While nothing waits, so much goes without a marker: an answer costs like half a message. */
const TRUST: Bytes = 32 * 1024
/** And no more than the path is known to carry in this time. */
const TRUST_TIME: Millis = 100
/** DESIGN: start small and double each round trip until the rate is known. */
const START: Bytes = 8 * 1024
/** Queue allowed on the path, in round trips, where messages are shorter than that. */
const QUEUE_RTTS = 0.2
/**
 * On a loaded server an answer comes some milliseconds late; a queue as short as that is allowed,
 * and a rate is not concluded from it. A timer of Node may be late by one.
 */
const RESOLUTION: Millis = 25
/** An answer that takes so much longer than expected says that the path has become slower. */
const LATE = 1.25
/** So much earlier than the path is clear a message may be written: half a tick of a timer. */
const LEAD: Millis = 0.75
/** A message is long if the round trip is less than this share of its time on the wire. */
const LONG_MESSAGE = 0.05
/** Share of the rate that is used between answers, so that an error builds no queue. */
const PACE = 0.98
/** How late a busy event loop, here or there, may make an answer on a short path. */
const HOST_NOISE: Millis = 5
const SHORTEST_SAMPLE: Millis = 2
const RTT_LIFETIME: Millis = 10_000
const PROBE_INTERVAL: Millis = 1000
/** So old a measurement of the round trip that the queue is let drain for another one. */
const DRAIN_INTERVAL: Millis = 5000
const CRITICAL_INTERVAL: Millis = 1000
const QUIET_INTERVAL: Millis = 5000
const BLIND_INTERVAL: Millis = 10_000
/**
 * While something waits, so many messages have a marker of their own: only the time of a single
 * one shows that the path has become faster than messages are written.
 */
const SINGLE_MARKERS = 20
/** With that many open, markers are so far apart. */
const MARKERS_A_WINDOW = 12
/** Open markers of one client: `ws` ends a connection on which 60 pings wait to be answered. */
const MOST_MARKERS = 32
/** 2 KiB/s: slower links lose the client to Engine.IO's heartbeat anyway. */
const SLOWEST: BytesPerMilli = 2
