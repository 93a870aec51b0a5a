import type { ShedOutcome } from '../base/outcomes.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'

/** What was shed for one client in a stretch of time. */
export interface ShedSummary {
  readonly dropped: number
  readonly conflated: number
  readonly expired: number
  readonly bytes: Bytes
  /** How long it took, in milliseconds. */
  readonly lasted: Millis
  /** Messages shed by event name. */
  readonly events: Readonly<Record<string, number>>
  /** The client has not caught up: more may be shed, and another summary follows. */
  readonly ongoing?: true
}

/** What a client is told, if it asked for it, of what it was not sent. */
export interface Gap {
  readonly dropped: number
  readonly conflated: number
  readonly expired: number
  /**
   * When the episode began, or the client was last told of it, by the server's clock, in milliseconds
   * since 1970.
   */
  readonly since: number
  /** It has not caught up: another one follows. */
  readonly ongoing?: true
}

/** What was shed for one client and has not been told yet. */
export interface Untold {
  readonly total: ShedSummary
  readonly namespaces: ReadonlyArray<readonly [namespace: string, ShedSummary]>
}

/**
 * Sums up what is shed for one client, by namespace, until it has caught up. While that lasts it can
 * be told of in parts.
 */
export class ShedEpisode {
  readonly since: Millis
  /** When the client became congested, if it did. */
  congestedAt: Millis = Number.NEGATIVE_INFINITY
  /** When it was last told of; `since` until then. */
  toldAt: Millis
  /** Of the latest marker that was written before. */
  toldSequence: number
  /** Since it was last told of. */
  readonly #namespaces = new Map<string, Sum>()
  /** Before that, of all namespaces. */
  #told: Sum | undefined

  /** @param sequence of the latest marker that was written */
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

  /** All that was shed, over all namespaces. */
  summary(now: Millis): ShedSummary {
    const total = this.#untold()
    if (this.#told) total.add(this.#told)
    return total.summary(now - this.since)
  }

  /** What has not been told yet; of a namespace of which all was told, too: it is told of the end. */
  *byNamespace(now: Millis): Generator<[namespace: string, ShedSummary]> {
    for (const [namespace, sum] of this.#namespaces) {
      yield [namespace, sum.summary(now - this.toldAt)]
    }
  }

  /** Whether anything was shed since it was last told of, and that is so long ago. */
  isDue(every: Millis, now: Millis): boolean {
    if (now - this.toldAt < every) return false
    for (const { messages } of this.#namespaces.values()) if (messages > 0) return true
    return false
  }

  /**
   * What has not been told yet, while the episode goes on; it counts as told.
   *
   * @param sequence as of the constructor
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
