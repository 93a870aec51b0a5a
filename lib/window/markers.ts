import type { Bytes, Millis } from '../base/units.ts'
import type { Proof } from './proof.ts'

/**
 * The bytes that were written to a client and are not proven to be received, and the markers among
 * them. A marker is a WebSocket ping with a sequence number; its answer proves that the client has
 * received everything written before it.
 *
 * `Transit` and `DeliveryWindow` extend this class, so that a client costs one object and not three.
 */
export class Markers {
  /** The client answers no markers: the window is open, and local watermarks have to do. */
  blind = false
  /** The transport sends what may be in flight in one piece, as polling does in a response. */
  atOnce = false
  /** Bytes written and not proven to be received. */
  inFlight: Bytes = 0
  /** The oldest marker without an answer. The others follow, ascending by `sequence` and `at`. */
  protected oldest: Marker | undefined
  #latest: Marker | undefined
  #lastSequence = 0
  #answered = 0
  /** Answers up to this sequence number prove nothing about the transport in use now. */
  #foreign = 0
  /** Bytes written since the latest marker. */
  protected unmarked: Bytes = 0
  /** The last of these bytes that were written without a pause in which the path was idle. */
  protected run: Bytes = 0
  /** When the first byte of that run was written. */
  protected runSince: Millis = 0
  /** Size of the latest message. */
  protected lastBytes: Bytes = 0
  protected writtenAt: Millis = Number.NEGATIVE_INFINITY
  protected markedAt: Millis = Number.NEGATIVE_INFINITY
  /** Something had to wait for the window since bytes were last proven. */
  protected limited = false
  /** Most bytes that one answer has proven. */
  protected mostProven: Bytes = 0
  /**
   * Polling: how long this process was busy while the latest poll was under way. It is rounded down,
   * since V8 stores a small integer without a heap object.
   */
  protected lateness: Millis = 0

  /** Something waits for room: the window, not the application, limits what is sent. */
  hold(): void {
    this.limited = true
  }

  /** Sequence number of the latest marker. */
  get lastSequence(): number {
    return this.#lastSequence
  }

  /** Number of markers without an answer. */
  protected get open(): number {
    return this.#lastSequence - this.#answered
  }

  /** Sequence number of the latest answer, hence about how many answers have come. */
  protected get answers(): number {
    return this.#answered
  }

  /** Whether the client has answered a marker on the transport in use now. */
  get isAnswered(): boolean {
    return this.#answered > this.#foreign
  }

  /** Whether the client has answered a marker written later than the given one. */
  hasAnsweredPast(sequence: number): boolean {
    return this.#answered > sequence
  }

  /** When the oldest marker without an answer was written. */
  get waitsSince(): Millis | undefined {
    return this.oldest?.at
  }

  /** Bytes right before the oldest marker without an answer, which that answer will prove. */
  get awaited(): Bytes {
    return this.oldest?.bytes ?? 0
  }

  /**
   * The client was heard from behind what was written before `since`, but did not answer a marker
   * written earlier: it answers none.
   */
  heardPast(since: Millis): void {
    if (this.oldest !== undefined && this.oldest.at < since) this.blind = true
  }

  /** Another transport took over. Whether the client answers markers there is not known yet. */
  upgraded(): void {
    this.blind = false
    this.#foreign = this.#lastSequence
  }

  /** Expects no answer any more, not to the open markers either. */
  giveUp(): void {
    this.blind = true
    this.#answered = this.#lastSequence
    this.#foreign = this.#lastSequence
    this.oldest = undefined
    this.#latest = undefined
    this.unmarked = this.inFlight
  }

  /** @param rested the path was idle before these bytes */
  protected count(bytes: Bytes, now: Millis, rested: boolean): void {
    if (this.unmarked === 0 || rested) {
      this.run = 0
      this.runSince = now
    }
    this.run += bytes
    this.inFlight += bytes
    this.unmarked += bytes
    this.writtenAt = now
    this.lastBytes = bytes
  }

  /**
   * Appends a marker behind everything that was written, except the last `behind` bytes, which the
   * transport holds back. The parameters are those of {@link Marker}.
   *
   * @returns its sequence number
   */
  protected append(
    now: Millis,
    behind: Bytes,
    clear: boolean,
    clearAt: Millis | undefined,
    emittedAt: Millis | undefined,
  ): number {
    const sequence = ++this.#lastSequence
    const bytes = Math.max(0, this.unmarked - behind)
    const marker: Marker = {
      sequence,
      bytes,
      run: Math.min(bytes, this.run),
      since: bytes > 0 ? this.runSince : now,
      at: now,
      gap: bytes > 0 ? Math.max(0, now - this.writtenAt) : 0,
      clearAt,
      clear,
      idle: this.inFlight === 0,
      ahead: this.inFlight - behind,
      emittedAt,
      next: undefined,
    }
    if (this.#latest) this.#latest.next = marker
    else this.oldest = marker
    this.#latest = marker
    this.unmarked -= bytes
    this.run = this.unmarked
    this.runSince = now
    this.markedAt = now
    return sequence
  }

  /**
   * Removes the answered marker and all before it: an endpoint may answer the latest ping only (RFC
   * 6455 section 5.5.3).
   *
   * @param waited how long the answer may have waited in this process until it was handled
   * @param onLatency receives the latency of each critical message whose receipt this proves
   * @returns what the answer proves; undefined if no such marker is open
   */
  protected prove(
    sequence: number,
    now: Millis,
    waited: Millis,
    onLatency?: (latency: Millis) => void,
  ): Proof | undefined {
    if (!(sequence > this.#answered && sequence <= this.#lastSequence)) return undefined
    this.#answered = sequence
    this.blind = false
    let last = this.oldest!
    let bytes = 0
    let run = 0
    let since = last.since
    let next: Marker | undefined = last
    for (; next !== undefined && next.sequence <= sequence; next = next.next) {
      const rested = next !== this.oldest && next.since > (last.clearAt ?? 0)
      last = next
      bytes += last.bytes
      if (rested || last.run < last.bytes) {
        run = 0
        since = last.since
      }
      run += last.run
      if (last.emittedAt !== undefined) onLatency?.(now - last.emittedAt)
    }
    this.oldest = next
    if (!next) this.#latest = undefined
    this.inFlight -= bytes
    if (bytes > this.mostProven) this.mostProven = bytes
    const { at, ahead, clear, idle, gap } = last
    const { atOnce, limited } = this
    const late = atOnce ? Math.floor(Math.min(waited, MOST_LATE)) : 0
    this.lateness = late
    const slack = (atOnce ? late : waited) + gap
    if (bytes > 0) this.limited = false
    return { now, at, bytes, run, since, ahead, clear, idle, atOnce, limited, slack, late }
  }
}

export interface Marker {
  readonly sequence: number
  /** Bytes written between the marker before this one and this one. */
  readonly bytes: Bytes
  /** The last of these bytes that were written without a pause in which the path was idle. */
  readonly run: Bytes
  /** When the first byte of the run was written. */
  readonly since: Millis
  /** When the marker was written. */
  readonly at: Millis
  /** Time between the latest byte before the marker and the marker. */
  readonly gap: Millis
  /** When the path was expected to have carried all before it, if its rate was known. */
  readonly clearAt: Millis | undefined
  /** The path was thought to be clear, so that the answer measures the round trip. */
  readonly clear: boolean
  /** Nothing was in flight before the marker. */
  readonly idle: boolean
  /** Bytes in flight before the marker. */
  readonly ahead: Bytes
  /** When the critical message right before the marker was emitted, if its latency is measured. */
  readonly emittedAt: Millis | undefined
  next: Marker | undefined
}

/**
 * Most of a poll's time that counts as this process's delay. The process may have been busy while the
 * path was busy too: without a bound, the rate of a slow client would be taken for a high one.
 */
const MOST_LATE: Millis = 500
