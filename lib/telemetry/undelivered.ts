import type { ClosingCode } from '../base/outcomes.ts'
import type { Bytes } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import type { NamespaceSocket } from './client-identity.ts'

/** What a closed client was not sent any more, of one namespace. */
export interface ClosedSummary {
  readonly code: ClosingCode
  /** Queued when it was closed, or emitted while it was being closed. */
  readonly messages: number
  readonly bytes: Bytes
  /** These messages by event name. */
  readonly events: Readonly<Record<string, number>>
  /** Bytes sent, of all namespaces, receipt not proven; null if that can't be known. */
  readonly inFlight: Bytes | null
}

/** Whom a message was for: a socket, or a namespace in which the client had none. */
export type Addressee = NamespaceSocket | string

/** Sums up what a closed client was not sent any more, by whom it was for. */
export class Undelivered {
  messages = 0
  bytes: Bytes = 0
  readonly #left = new Map<Addressee, Left>()

  count({ rule, bytes }: Envelope, addressee: Addressee): void {
    this.messages++
    this.bytes += bytes
    const left = this.#left.get(addressee) ?? { messages: 0, bytes: 0, events: new Map() }
    left.messages++
    left.bytes += bytes
    left.events.set(rule.event, (left.events.get(rule.event) ?? 0) + 1)
    this.#left.set(addressee, left)
  }

  addressees(): Iterable<Addressee> {
    return this.#left.keys()
  }

  of(addressee: Addressee): Pick<ClosedSummary, 'messages' | 'bytes' | 'events'> {
    const { messages = 0, bytes = 0, events = [] } = this.#left.get(addressee) ?? {}
    return { messages, bytes, events: Object.fromEntries(events) }
  }
}

interface Left {
  messages: number
  bytes: Bytes
  readonly events: Map<string, number>
}
