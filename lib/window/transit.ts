import type { Bytes, BytesPerMilli, Millis } from '../base/units.ts'
import { Markers } from './markers.ts'
import { PathEstimate } from './path-estimate.ts'

/**
 * When the path to a client will have carried what is in flight, and how late its answers are. The
 * instant `clearAt` follows from the bytes and the estimated rate, and each answer corrects it. So the
 * next message can be written when the one before it is about to leave the path, and not only when
 * its answer is back: with messages as long as the round trip that makes the difference between half
 * of the link and all of it.
 */
export class Transit extends Markers {
  readonly path: PathEstimate
  /** When the path will have carried all that was written. */
  protected clearAt: Millis = Number.NEGATIVE_INFINITY

  constructor(path = new PathEstimate()) {
    super()
    this.path = path
  }

  /** A message of so many bytes was handed to the transport. */
  written(bytes: Bytes, now: Millis): void {
    this.count(bytes, now, now > this.clearAt)
    this.clearAt = Math.max(this.clearAt, now) + this.#lasts(bytes)
  }

  /** The latest `bytes` of what was written had to wait for the event loop, and left only now. */
  left(bytes: Bytes, now: Millis): void {
    if (this.run <= bytes) this.runSince = now
    this.writtenAt = now
    this.clearAt = Math.max(this.clearAt, now + this.#lasts(bytes))
  }

  /** What was proven had left the path one round trip before its answer came. */
  protected correct(now: Millis): void {
    const { rate } = this.path
    if (this.inFlight === 0) this.clearAt = Math.min(this.clearAt, now)
    else if (rate) this.clearAt = this.path.leftAt(now) + this.inFlight / (PACE * rate)
  }

  /**
   * The client was heard from, but did not answer a marker. It answers none if that has taken longer
   * than `patience` (twice that since the last answer, if it has answered others) and longer than the
   * path may need for the bytes before the marker.
   */
  heard(now: Millis, patience: Millis, answeredAt: Millis = Number.NEGATIVE_INFINITY): void {
    const { oldest } = this
    if (!oldest) return
    const known = this.isAnswered
    const waited = now - (known ? Math.max(oldest.at, answeredAt) : oldest.at)
    const longest = known ? 2 * patience : patience
    if (waited > Math.max(longest, this.longestAnswer)) this.blind = true
  }

  /** How long the oldest bytes with a marker behind them have been under way beyond a round trip. */
  unprovenFor(now: Millis): Millis {
    return this.oldest ? Math.max(0, now - this.oldest.at - (this.path.minRtt ?? 0)) : 0
  }

  /** What the oldest open marker tells of the path, if its answer is long overdue. */
  late(now: Millis): Late | undefined {
    const { oldest } = this
    if (this.blind || !oldest) return undefined
    const age = now - oldest.at
    if (age < PATIENCE || (oldest.clearAt !== undefined && !this.isOverdue(now))) return undefined
    const bytes = Math.max(1, oldest.bytes, this.lastBytes)
    return { age, rate: bytes / (now - Math.max(oldest.at, this.path.answeredAt)) }
  }

  /** Whether there were enough answers to conclude anything from the estimate of the path. */
  get isKnown(): boolean {
    return this.path.rate !== undefined && !this.path.doubt && this.answers >= KNOWN
  }

  /** The round trip; before the first answer, how long that has been awaited, at most a second. */
  rttSoFar(now: Millis): Millis {
    const since = this.waitsSince
    return this.path.minRtt ?? (since === undefined ? 0 : Math.min(PATIENCE, now - since))
  }

  /** Polling: the share of the latest poll's time that may be the path's, and not this process's. */
  get pathShare(): number {
    const { rtt = 0 } = this.path
    return this.lateness > 0 ? Math.max(0, 1 - this.lateness / rtt) : 1
  }

  /** How late the answer to the oldest open marker is. */
  overdue(now: Millis): Millis {
    const { oldest } = this
    if (!oldest) return 0
    const answered = (oldest.clearAt ?? oldest.at) + (this.path.minRtt ?? 0)
    return Math.max(0, now - answered - this.lateness)
  }

  /** How long bytes written now would wait before they leave; 0 while the rate is unknown. */
  queueDelay(now: Millis): Millis {
    return this.path.rate === undefined ? 0 : Math.max(0, this.clearAt - now)
  }

  /**
   * How long the awaited answer may take if the path has become much slower, as the marker may be
   * behind one long message.
   */
  get longestAnswer(): Millis {
    return this.awaited / Math.max(SLOWEST, (this.path.rate ?? 0) / SLOWER)
  }

  /**
   * Longest queue that may stand on the path. Nothing leaves behind a response while this process is
   * late for the next poll, so on polling the queue may be longer by that.
   */
  protected get allowedQueue(): Millis {
    return this.path.allowedQueue + this.lateness
  }

  /** The rate; while that is unknown, the highest that is certain. */
  protected get knownRate(): BytesPerMilli {
    return this.path.rate ?? this.path.leastRate
  }

  /** Whether the path is thought to have carried all that was written. */
  protected isClear(now: Millis): boolean {
    return this.path.rate !== undefined && now >= this.clearAt && !this.isOverdue(now)
  }

  /** Most bytes that the path has not carried yet, if it carries so much. */
  protected leftAt(rate: BytesPerMilli, now: Millis): Bytes {
    if (this.inFlight === 0 || rate === 0) return this.inFlight
    return Math.max(0, (this.clearAtRate(rate) - now) * rate)
  }

  /** When the path has carried all that is in flight, if it carries so much. */
  protected clearAtRate(rate: BytesPerMilli): Millis {
    let at = this.path.leftAt(this.path.answeredAt)
    for (let marker = this.oldest; marker; marker = marker.next) {
      at = Math.max(at, marker.since) + marker.bytes / rate
    }
    return this.unmarked > 0 ? Math.max(at, this.runSince) + this.unmarked / rate : at
  }

  /** Whether the oldest marker should have been answered: then the path has become slower. */
  protected isOverdue(now: Millis): boolean {
    const { oldest } = this
    if (oldest?.clearAt === undefined) return false
    const expected = oldest.clearAt - oldest.at + this.path.minRtt!
    return now - oldest.at > expected * LATE + this.allowedQueue
  }

  /** How long the path takes to carry so many bytes; 0 while nothing is known of its rate. */
  #lasts(bytes: Bytes): Millis {
    return this.knownRate > 0 ? bytes / (PACE * this.knownRate) : 0
  }
}

/** An answer that is overdue. */
export interface Late {
  /** Time since the marker was written. */
  readonly age: Millis
  /** The path is at most so fast. */
  readonly rate: BytesPerMilli
}

/** A shorter delay may be the event loop's, and is over before anybody reads of it. */
export const PATIENCE: Millis = 1000
/** Share of the rate at which messages are written between answers, so that an error builds no queue. */
const PACE = 0.98
/** An answer that takes so many times as long as expected says that the path has become slower. */
const LATE = 1.25
/** The estimate of a path counts from so many answers on. */
const KNOWN = 16
/** How many times slower a path may become before its client counts as stalled. */
const SLOWER = 15
/** 2 KB/s: a client that is slower loses its connection to Engine.IO's heartbeat. */
export const SLOWEST: BytesPerMilli = 2
