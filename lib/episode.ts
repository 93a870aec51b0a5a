import type { Envelope } from './envelope.ts'
import type { ShedOutcome } from './outcomes.ts'
import type { Bytes, Millis } from './units.ts'

/** What was shed for one client, from the first shed message until it had caught up. */
export interface ShedSummary {
  readonly dropped: number
  readonly conflated: number
  readonly expired: number
  readonly bytes: Bytes
  /** How long it took, in milliseconds. */
  readonly lasted: Millis
  /** Messages shed by event name. */
  readonly events: Readonly<Record<string, number>>
}

/** What a client is told, if it asked for it, of what it was not sent in an episode. */
export interface Gap {
  readonly dropped: number
  readonly conflated: number
  readonly expired: number
  /** When the episode began, by the server's clock, in milliseconds since 1970. */
  readonly since: number
}

/** Sums up what is shed for one client, by namespace, until it has caught up. */
export class Episode {
  readonly since: Millis
  /** When the client became congested, if it did. */
  congestedAt: Millis = Number.NEGATIVE_INFINITY
  readonly #namespaces = new Map<string, Sum>()

  constructor(now: Millis) {
    this.since = now
  }

  count(envelope: Envelope, outcome: ShedOutcome): void {
    let sum = this.#namespaces.get(envelope.namespace)
    if (!sum) {
      sum = new Sum()
      this.#namespaces.set(envelope.namespace, sum)
    }
    sum.count(envelope.rule.event, envelope.bytes, outcome)
  }

  /** Over all namespaces. */
  summary(now: Millis): ShedSummary {
    const total = new Sum()
    for (const sum of this.#namespaces.values()) total.add(sum)
    return total.summary(now - this.since)
  }

  *byNamespace(now: Millis): Generator<[namespace: string, ShedSummary]> {
    for (const [namespace, sum] of this.#namespaces) {
      yield [namespace, sum.summary(now - this.since)]
    }
  }
}

class Sum {
  readonly #outcomes = { dropped: 0, conflated: 0, expired: 0 }
  readonly #events = new Map<string, number>()
  #bytes: Bytes = 0

  count(event: string, bytes: Bytes, outcome: ShedOutcome): void {
    this.#outcomes[outcome]++
    this.#bytes += bytes
    this.#countEvent(event, 1)
  }

  add(other: Sum): void {
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
