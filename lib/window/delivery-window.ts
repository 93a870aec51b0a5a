import type { Bytes, BytesPerMilli, Millis } from '../base/units.ts'
import { HOST_NOISE, PathEstimate } from './path-estimate.ts'
import { START } from './start-up.ts'

/**
 * The delivery window of one client: how much may be in flight to it, so that a critical message
 * finds the path ahead of it short. Pure arithmetic; the time is an argument.
 *
 * What it knows comes from markers. A marker is written behind some bytes; its answer proves that
 * they were received. From markers follow
 * - `inFlight`: bytes written and not proven;
 * - round trip and rate of the path ({@link PathEstimate});
 * - `clearAt`: when the path will have carried all that was written, which is corrected by each
 *   answer. So the next message can be written when the one before it is about to end, and not
 *   only when its answer is back: with messages as long as the round trip that is the difference
 *   between half the link and all of it.
 */
export class DeliveryWindow {
  /** Nothing answers markers: the window is open, local watermarks have to do. */
  blind = false
  /** What may be in flight leaves in one piece, like the response to a poll: nothing follows it. */
  atOnce = false
  /** Bytes written and not proven to be received. */
  inFlight: Bytes = 0
  readonly path: PathEstimate
  /** The oldest that is not answered; the others follow it, ascending by `sequence` and `at`. */
  #oldest: Marker | undefined
  #latest: Marker | undefined
  #open = 0
  #lastSequence = 0
  #answered = 0
  /** Markers up to here tell nothing of the transport: they were written to another, or given up. */
  #foreign = 0
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
  #limited = false
  /**
   * Of the latest poll's time, how much this process was busy, in whole milliseconds, which take no
   * memory of their own.
   */
  #late: Millis = 0
  /** Most bytes that an answer has proven. */
  #mostProven: Bytes = 0
  #probedAt: Millis = Number.NEGATIVE_INFINITY

  constructor(path = new PathEstimate()) {
    this.path = path
  }

  /** Whether a cosmetic message of so many bytes may be written now. */
  hasRoom(bytes: Bytes, now: Millis, ceiling: Bytes, waiting = true): boolean {
    return this.roomAt(bytes, now, ceiling, waiting) <= now
  }

  /**
   * When a cosmetic message of so many bytes may be written, if nothing else happens until then.
   *
   * @param ceiling most bytes that may be in flight
   * @param waiting it waits already: then the path is kept busy, and is let drain from time to time
   * @returns `now` or a later instant; infinity if only the answer of a marker can tell
   */
  roomAt(bytes: Bytes, now: Millis, ceiling: Bytes, waiting = true): Millis {
    if (this.blind) return now
    if (now < this.#probedAt + PROBE_GAP) return this.#probedAt + PROBE_GAP
    if (this.inFlight === 0) return now
    if (this.inFlight + bytes > ceiling) return Number.POSITIVE_INFINITY
    const { rate, minRtt } = this.path
    const trusted = this.#open === 0 && this.inFlight <= this.#trust(ceiling)
    // on polling the first response measures the round trip: the less it carries, the better
    if (minRtt === undefined && this.#open === 0 && (this.atOnce || this.inFlight > FIRST_BYTES)) {
      return Number.POSITIVE_INFINITY
    }
    const { doubt } = this.path
    if (waiting && doubt?.isAsked === false) {
      const clearAt = this.#clearAtRate(doubt.slower)
      return clearAt > now ? clearAt : Number.POSITIVE_INFINITY
    }
    if (rate === undefined || minRtt === undefined) {
      const start = this.#start
      // a message may be longer than all that may be in flight
      if (this.inFlight + bytes <= start || this.inFlight <= start / 4) return now
      const mayBeSlow = this.path.startUp?.mayBeSlow
      return trusted && !mayBeSlow ? Math.max(now, this.#clearAt) : Number.POSITIVE_INFINITY
    }
    if (this.#isOverdue(now)) return Number.POSITIVE_INFINITY
    const lasts = bytes / rate
    // a message much longer than the round trip loses little if it waits for the answer
    const answer = Math.max(minRtt, Math.min(this.path.resolution, HOST_NOISE))
    if (answer < LONG_MESSAGE * lasts) return Number.POSITIVE_INFINITY
    if (waiting && this.path.isOld(now)) return Number.POSITIVE_INFINITY
    const isDrainDue = waiting && now - this.path.clearRttAt > DRAIN_INTERVAL
    if (isDrainDue && !this.atOnce) return Math.max(now, this.#clearAt)
    const queue = this.#allowedQueue
    const room = rate * (minRtt + Math.max(lasts, queue))
    if (this.atOnce) {
      // nothing leaves behind a response, not even what is critical, before all of it has arrived
      const isFull = this.inFlight + bytes > room
      return isFull || isDrainDue ? Number.POSITIVE_INFINITY : now
    }
    if (this.inFlight > room && !trusted) return Number.POSITIVE_INFINITY
    return Math.max(now, this.#clearAt - Math.max(LEAD, queue - lasts))
  }

  /** Something was held back: it is the window that limits what is sent. */
  hold(): void {
    this.#limited = true
  }

  /** Most bytes that it would let be in flight now, in messages of the given size. */
  size(bytes: Bytes, ceiling: Bytes): Bytes {
    const { rate, minRtt } = this.path
    if (this.blind) return ceiling
    if (rate === undefined || minRtt === undefined) {
      return Math.round(Math.min(this.#start, ceiling))
    }
    const message = Math.max(bytes, this.#lastBytes)
    const queue = Math.max(message, rate * this.#allowedQueue)
    return Math.round(Math.min(Math.max(ceiling, bytes), rate * minRtt + queue))
  }

  /** So many bytes were handed to the transport. */
  written(bytes: Bytes, now: Millis): void {
    if (this.#unmarked === 0 || now > this.#clearAt) {
      this.#run = 0
      this.#runSince = now
    }
    this.#run += bytes
    this.inFlight += bytes
    this.#unmarked += bytes
    this.#writtenAt = now
    this.#lastBytes = bytes
    this.#clearAt = Math.max(this.#clearAt, now) + this.#lasts(bytes)
  }

  /** The latest `bytes` of what was written had to wait until now for the event loop. */
  left(bytes: Bytes, now: Millis): void {
    if (this.#run <= bytes) this.#runSince = now
    this.#writtenAt = now
    this.#clearAt = Math.max(this.#clearAt, now + this.#lasts(bytes))
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
    if (minRtt === undefined) return this.#open === 0 && this.inFlight + bytes > FIRST_BYTES
    if (waiting && doubt?.wantsMarker(this.#leftAt(doubt.slower, now))) return true
    if (!waiting || !this.#isClear(now)) return false
    const isIdle = this.inFlight === 0 && this.#open === 0
    const isWanted = isIdle && (this.path.isOld(now) || this.path.isDoubtful)
    return now - this.#probedAt > (isWanted ? PROBE_GAP : PROBE_INTERVAL)
  }

  /**
   * Whether a marker should be written behind what was written: often while something waits for
   * room, rarely otherwise, since to a healthy client it costs a write and an answer.
   *
   * @param waiting something waits
   * @param asked the latency of something in it is to be measured
   */
  markerDue(now: Millis, waiting: boolean, ceiling: Bytes, asked = false): boolean {
    if (this.#unmarked === 0 || this.#open >= MOST_MARKERS) return false
    if (this.blind) return now - this.#markedAt > BLIND_INTERVAL
    if (asked) return true
    if (this.#answered < 2 && this.#open < 3) return true
    if (waiting || this.#limited) {
      if (this.#open < SINGLE_MARKERS) return true
      return this.#unmarked >= this.size(0, ceiling) / MARKERS_A_WINDOW
    }
    const trust = this.#trust(ceiling)
    if (this.#unmarked >= trust || this.#run >= this.#rate * RUN_TIME) {
      if (this.#unmarked >= Math.min(TRUST, this.size(0, ceiling) / 2)) return true
    }
    return now - this.#markedAt > QUIET_INTERVAL
  }

  /** Whether the latest bytes have no marker behind them and nothing is likely to follow. */
  tailDue(now: Millis): boolean {
    return (
      !this.blind && this.#unmarked > 0 && this.#open === 0 && now - this.#writtenAt > TAIL_INTERVAL
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
    const { doubt } = this.path
    doubt?.marked(this.inFlight, this.#leftAt(doubt.slower, now), now)
    // a response with one message is as close to that as a poll gets
    const isAlone = this.atOnce && this.inFlight <= this.#lastBytes
    const isFirst = this.path.minRtt === undefined && this.inFlight - behind <= FIRST_BYTES
    const clear = this.inFlight === 0 || isAlone || isFirst || this.#isClear(now)
    if (clear && this.path.minRtt !== undefined) this.#probedAt = now
    const bytes = Math.max(0, this.#unmarked - behind)
    // until now it has waited for the poll that this answers
    if (this.atOnce) this.left(bytes, now)
    const marker: Marker = {
      sequence,
      bytes,
      run: Math.min(bytes, this.#run),
      since: bytes > 0 ? this.#runSince : now,
      at: now,
      gap: bytes > 0 ? Math.max(0, now - this.#writtenAt) : 0,
      clearAt: this.path.rate === undefined ? undefined : Math.max(this.#clearAt, now),
      clear,
      idle: this.inFlight === 0,
      ahead: this.inFlight - behind,
      emittedAt,
      next: undefined,
    }
    if (this.#latest) this.#latest.next = marker
    else this.#oldest = marker
    this.#latest = marker
    this.#open++
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
   * @param waited how long the answer may have waited here until it was handled
   * @param onLatency told how old the critical messages were whose receipt this proves
   * @returns whether it was an answer to an open marker
   */
  answered(
    sequence: number,
    now: Millis,
    waited: Millis = 0,
    onLatency?: (latency: Millis) => void,
  ): boolean {
    if (!(sequence > this.#answered && sequence <= this.#lastSequence)) return false
    this.#answered = sequence
    this.blind = false
    let last = this.#oldest!
    let bytes = 0
    let run = 0
    let since = last.since
    let next: Marker | undefined = last
    for (; next !== undefined && next.sequence <= sequence; next = next.next) {
      const idle = next !== this.#oldest && next.since > (last.clearAt ?? 0)
      last = next
      bytes += last.bytes
      if (idle || last.run < last.bytes) {
        run = 0
        since = last.since
      }
      run += last.run
      if (last.emittedAt !== undefined) onLatency?.(now - last.emittedAt)
      this.#open--
    }
    this.#oldest = next
    if (!next) this.#latest = undefined
    this.inFlight -= bytes
    if (bytes > this.#mostProven) this.#mostProven = bytes
    const { ahead, at } = last
    const { atOnce } = this
    const late = atOnce ? Math.floor(Math.min(waited, MOST_LATE)) : 0
    this.#late = late
    const slack = (atOnce ? late : waited) + last.gap
    const limited = this.#limited
    const proof = { now, at, bytes, run, since, ahead, atOnce, limited, slack, late }
    this.path.judge(proof)
    this.path.sampleRtt(now - at, last.clear, last.idle, now)
    if (last.idle && bytes === 0) this.path.probed(at, now)
    this.path.sampleRate(proof)
    this.#correct(now)
    if (bytes > 0) this.#limited = false
    return true
  }

  /**
   * The client was heard from behind what was written before `since`, though not its answer to a
   * marker there: it does not answer markers.
   */
  heardPast(since: Millis): void {
    if (this.#oldest !== undefined && this.#oldest.at < since) this.blind = true
  }

  /** Whether a marker was answered on this transport: the client is one that does. */
  get isAnswered(): boolean {
    return this.#answered > this.#foreign
  }

  /**
   * The client was heard from, but has not answered a marker: not in `patience`, twice that since the
   * last answer if it has answered others, nor in the time that what is before the marker may take.
   */
  heard(now: Millis, patience: Millis, answeredAt: Millis = Number.NEGATIVE_INFINITY): void {
    const oldest = this.#oldest
    if (!oldest) return
    const known = this.isAnswered
    const waited = now - (known ? Math.max(oldest.at, answeredAt) : oldest.at)
    const longest = known ? 2 * patience : patience
    if (waited > Math.max(longest, this.longestAnswer)) this.blind = true
  }

  /** Another transport took over; whether the client answers markers there is not known. */
  upgraded(): void {
    this.blind = false
    this.#foreign = this.#lastSequence
  }

  /** No marker will be answered, of those that are open neither. */
  giveUp(): void {
    this.blind = true
    this.#answered = this.#lastSequence
    this.#foreign = this.#lastSequence
    this.#oldest = undefined
    this.#latest = undefined
    this.#open = 0
    this.#unmarked = this.inFlight
  }

  /** Of the latest marker that was written. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  /** Whether a marker was answered that was written after that one. */
  hasAnsweredPast(sequence: number): boolean {
    return this.#answered > sequence
  }

  /** How long the oldest bytes that a marker asks for have been under way beyond a round trip. */
  unprovenFor(now: Millis): Millis {
    return this.#oldest ? Math.max(0, now - this.#oldest.at - (this.path.minRtt ?? 0)) : 0
  }

  /** When the oldest open marker was written. */
  get waitsSince(): Millis | undefined {
    return this.#oldest?.at
  }

  /** What the oldest open marker tells of the path, if it should have been answered long ago. */
  late(now: Millis): Late | undefined {
    const oldest = this.#oldest
    if (this.blind || !oldest) return undefined
    const age = now - oldest.at
    if (age < PATIENCE || (oldest.clearAt !== undefined && !this.#isOverdue(now))) return undefined
    const bytes = Math.max(1, oldest.bytes, this.#lastBytes)
    return { age, rate: bytes / (now - Math.max(oldest.at, this.path.answeredAt)) }
  }

  /** Whether enough was measured to conclude anything from the estimate of the path. */
  get isKnown(): boolean {
    return this.path.rate !== undefined && !this.path.doubt && this.#answered >= KNOWN
  }

  /** The round trip; at first, how long its answer has been waited for, as far as that may be it. */
  rttSoFar(now: Millis): Millis {
    const since = this.waitsSince
    return this.path.minRtt ?? (since === undefined ? 0 : Math.min(PATIENCE, now - since))
  }

  /** Of the time that the latest poll took, the share that may be the path's. */
  get pathShare(): number {
    const { rtt = 0 } = this.path
    return this.#late > 0 ? Math.max(0, 1 - this.#late / rtt) : 1
  }

  /** How late the oldest open marker is beyond its expected answer. */
  overdue(now: Millis): Millis {
    const oldest = this.#oldest
    if (!oldest) return 0
    const answered = (oldest.clearAt ?? oldest.at) + (this.path.minRtt ?? 0)
    return Math.max(0, now - answered - this.#late)
  }

  /** How long bytes written now would wait before they leave; 0 while the rate is unknown. */
  queueDelay(now: Millis): Millis {
    return this.path.rate === undefined ? 0 : Math.max(0, this.#clearAt - now)
  }

  /**
   * How long the answer that is waited for may take, if the path has become much slower: the
   * marker may be behind one long message.
   */
  get longestAnswer(): Millis {
    return this.awaited / Math.max(SLOWEST, (this.path.rate ?? 0) / SLOWER)
  }

  /** Bytes right before the oldest open marker, which it is to prove. */
  get awaited(): Bytes {
    return this.#oldest?.bytes ?? 0
  }

  /** Bytes that may be written without a marker behind them, if nothing waits. */
  #trust(ceiling: Bytes): Bytes {
    return Math.min(TRUST, ceiling / 2, this.#rate * TRUST_TIME)
  }

  /**
   * How long a queue on the path may be. Nothing follows a response while this process is late for
   * the next poll, so it may take the path as much longer.
   */
  get #allowedQueue(): Millis {
    return this.path.allowedQueue + this.#late
  }

  /** What may be in flight while the rate is unknown. */
  get #start(): Bytes {
    const most = this.path.startUp?.mayBeInFlight ?? START
    if (!this.atOnce) return most
    // a response can't be stopped: what the path carries soon, or twice what it has carried
    const shown = Math.max(this.path.leastRate * SOON, 2 * this.#mostProven)
    return Math.min(most, Math.max(FIRST_RESPONSE, shown))
  }

  /** The least that is known. */
  get #rate(): BytesPerMilli {
    return this.path.rate ?? this.path.leastRate
  }

  /** How long the path takes to carry so many bytes, as far as that is known. */
  #lasts(bytes: Bytes): Millis {
    return this.#rate > 0 ? bytes / (PACE * this.#rate) : 0
  }

  /** Whether the path is thought to have carried all that was written. */
  #isClear(now: Millis): boolean {
    return this.path.rate !== undefined && now >= this.#clearAt && !this.#isOverdue(now)
  }

  /** Of what is in flight, what the path has not carried yet at most, if it carries so much. */
  #leftAt(rate: BytesPerMilli, now: Millis): Bytes {
    if (this.inFlight === 0 || rate === 0) return this.inFlight
    return Math.max(0, (this.#clearAtRate(rate) - now) * rate)
  }

  /** When the path has carried all that is in flight, if it carries so much. */
  #clearAtRate(rate: BytesPerMilli): Millis {
    let at = this.path.leftAt(this.path.answeredAt)
    for (let marker = this.#oldest; marker; marker = marker.next) {
      at = Math.max(at, marker.since) + marker.bytes / rate
    }
    return this.#unmarked > 0 ? Math.max(at, this.#runSince) + this.#unmarked / rate : at
  }

  /** The oldest marker should have been answered: the path is slower than it was. */
  #isOverdue(now: Millis): boolean {
    const oldest = this.#oldest
    if (oldest?.clearAt === undefined) return false
    const expected = oldest.clearAt - oldest.at + this.path.minRtt!
    return now - oldest.at > expected * LATE + this.#allowedQueue
  }

  /** What was proven tells where the path is: one round trip before its answer. */
  #correct(now: Millis): void {
    const { rate } = this.path
    if (this.inFlight === 0) this.#clearAt = Math.min(this.#clearAt, now)
    else if (rate) this.#clearAt = this.path.leftAt(now) + this.inFlight / (PACE * rate)
  }
}

export interface Late {
  /** Since the marker was written. */
  readonly age: Millis
  /** The path is at most so fast. */
  readonly rate: BytesPerMilli
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
  /** Since the latest byte before it was written. */
  readonly gap: Millis
  /** When the path was expected to have carried all before it, if its rate was known. */
  readonly clearAt: Millis | undefined
  /** The path was thought to be clear, so that its answer measures the round trip. */
  readonly clear: boolean
  /** Nothing was in flight before it. */
  readonly idle: boolean
  /** Bytes in flight before it. */
  readonly ahead: Bytes
  readonly emittedAt: Millis | undefined
  next: Marker | undefined
}

/** A marker behind so little measures the round trip: a CONNECT, 7 ms at 10 KB/s. */
const FIRST_BYTES: Bytes = 64
/** In the first response to a poll that has messages: a slow path is to be known by it. */
const FIRST_RESPONSE: Bytes = START / 4
/** What is carried within this time keeps no critical message waiting for long. */
const SOON: Millis = 250
/** While nothing waits, so much goes without a marker: an answer costs as much as a message. */
const TRUST: Bytes = 48 * 1024
/** And no more than the path is known to carry in this time. */
const TRUST_TIME: Millis = 500
/** And, without a pause in which the path is clear, in this time. */
const RUN_TIME: Millis = 100
/** An answer that takes so much longer than expected says that the path has become slower. */
const LATE = 1.25
/** So much earlier than the path is clear a message may be written: half a tick of a timer. */
const LEAD: Millis = 0.75
/** A shorter delay may be one of the event loop, and is over before anybody reads of it. */
export const PATIENCE: Millis = 1000
/** A message is long if the round trip is less than this share of its time on the wire. */
const LONG_MESSAGE = 0.05
/** Share of the rate that is used between answers, so that an error builds no queue. */
const PACE = 0.98
const PROBE_INTERVAL: Millis = 2000
/**
 * So much of a poll's time is put down to this process at most, as it may have been busy while the path
 * was, too: the rate of a slow client would be taken for a high one.
 */
const MOST_LATE: Millis = 500
/** Of so many markers' answers the estimate of a path is made at least, before it counts. */
const KNOWN = 16
/** Enough for a marker to leave by itself. */
const PROBE_GAP: Millis = 1
/** So old a measurement of the round trip that the queue is let drain for another one. */
const DRAIN_INTERVAL: Millis = 5000
const TAIL_INTERVAL: Millis = 1000
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
/** How many times slower a path may become before its client counts as stalled. */
const SLOWER = 15
/** 2 KB/s: a client that is slower loses its connection to Engine.IO's heartbeat. */
export const SLOWEST: BytesPerMilli = 2
