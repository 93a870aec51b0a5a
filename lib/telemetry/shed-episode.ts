import type { ShedOutcome } from '../base/outcomes.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'

/** Messages shed for one client in a period of time. */
export interface ShedSummary {
  readonly dropped: number
  readonly conflated: number
  readonly expired: number
  readonly bytes: Bytes
  /** Length of the period in milliseconds. */
  readonly lasted: Millis
  /** Number of messages shed, by event name. */
  readonly events: Readonly<Record<string, number>>
  /** Set while the client has not caught up: another summary follows. */
  readonly ongoing?: true
}

/** Payload of the `gapEvent`, which tells a client how many messages were shed for it. */
export interface Gap {
  readonly dropped: number
  readonly conflated: number
  readonly expired: number
  /**
   * Beginning of the episode, or time of the previous gap event in it, by the server's clock in
   * milliseconds since 1970.
   */
  readonly since: number
  /** Set while the client has not caught up: another gap event follows. */
  readonly ongoing?: true
}

/** Messages shed for one client that no summary has reported yet. */
export interface Untold {
  readonly total: ShedSummary
  readonly namespaces: ReadonlyArray<readonly [namespace: string, ShedSummary]>
}

/**
 * Counts the messages shed for one client by namespace, from the first one until the client has caught
 * up. A long episode is reported in parts, at intervals.
 */
export class ShedEpisode {
  readonly since: Millis
  /** Time at which the client became congested; minus infinity if it didn't. */
  congestedAt: Millis = Number.NEGATIVE_INFINITY
  /** Time of the latest report; before the first one, the beginning of the episode. */
  toldAt: Millis
  /** Sequence number of the latest marker sent before that report. */
  toldSequence: number
  /** Counts since the latest report, by namespace. */
  readonly #namespaces = new Map<string, Sum>()
  /** Counts already reported, over all namespaces. */
  #told: Sum | undefined

  /** @param sequence number of the latest marker sent */
  constructor(now: Millis, sequence = 0) {
    this.since = now
    this.toldAt = now
    this.toldSequence = sequence
  }

  count(envelope: Envelope, outcome: ShedOutcome): void {
    let sum = this.#namespaces.get(envelope.namespace)
    if (!sum) {
      sum = new Sum()
      this.#namespaces.set(envelope.namespace, sum)
    }
    sum.count(envelope.rule.event, envelope.bytes, outcome)
  }

  /** Counts of the whole episode, over all namespaces. */
  summary(now: Millis): ShedSummary {
    const total = this.#untold()
    if (this.#told) total.add(this.#told)
    return total.summary(now - this.since)
  }

  /** Counts not reported yet, for each namespace of the episode, even if 0: all get a last report. */
  *byNamespace(now: Millis): Generator<[namespace: string, ShedSummary]> {
    for (const [namespace, sum] of this.#namespaces) {
      yield [namespace, sum.summary(now - this.toldAt)]
    }
  }

  /** Whether messages were shed since the latest report and that report is at least `every` old. */
  isDue(every: Millis, now: Millis): boolean {
    if (now - this.toldAt < every) return false
    for (const { messages } of this.#namespaces.values()) if (messages > 0) return true
    return false
  }

  /**
   * Takes the counts not reported yet, while the episode goes on, and marks them as reported.
   *
   * @param sequence number of the latest marker sent
   */
  tell(now: Millis, sequence: number): Untold {
    const lasted = now - this.toldAt
    const untold = this.#untold()
    const namespaces: Array<[string, ShedSummary]> = []
    for (const [namespace, sum] of this.#namespaces) {
      if (sum.messages === 0) continue
      namespaces.push([namespace, { ...sum.summary(lasted), ongoing: true }])
      this.#namespaces.set(namespace, new Sum())
    }
    if (this.#told) this.#told.add(untold)
    else this.#told = untold
    this.toldAt = now
    this.toldSequence = sequence
    return { total: { ...untold.summary(lasted), ongoing: true }, namespaces }
  }

  #untold(): Sum {
    const total = new Sum()
    for (const sum of this.#namespaces.values()) total.add(sum)
    return total
  }
}

class Sum {
  messages = 0
  readonly #outcomes = { dropped: 0, conflated: 0, expired: 0 }
  readonly #events = new Map<string, number>()
  #bytes: Bytes = 0

  count(event: string, bytes: Bytes, outcome: ShedOutcome): void {
    this.messages++
    this.#outcomes[outcome]++
    this.#bytes += bytes
    this.#countEvent(event, 1)
  }

  add(other: Sum): void {
    this.messages += other.messages
    for (const outcome of ['dropped', 'conflated', 'expired'] as const) {
      this.#outcomes[outcome] += other.#outcomes[outcome]
    }
    this.#bytes += other.#bytes
    for (const [event, messages] of other.#events) this.#countEvent(event, messages)
  }

  summary(lasted: Millis): ShedSummary {
    return {
      ...this.#outcomes,
      bytes: this.#bytes,
      lasted,
      events: Object.fromEntries(this.#events),
    }
  }

  #countEvent(event: string, messages: number): void {
    this.#events.set(event, (this.#events.get(event) ?? 0) + messages)
  }
}
