import type { ClosingCode } from '../base/outcomes.ts'
import type { Bytes } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import type { NamespaceSocket } from './client-identity.ts'

/** Messages of one namespace that a closed client was not sent. */
export interface ClosedSummary {
  readonly code: ClosingCode
  /** Number of messages that were queued when the client was closed or emitted while it was closing. */
  readonly messages: number
  readonly bytes: Bytes
  /** Number of these messages by event name. */
  readonly events: Readonly<Record<string, number>>
  /** Bytes in flight at the closing, over all namespaces; null if unknown, for blind clients. */
  readonly inFlight: Bytes | null
}

/** Recipient of a message: a socket, or the name of a namespace in which the client had none. */
export type Addressee = NamespaceSocket | string

/** Counts the messages that a closed client was not sent, by socket. */
export class Undelivered {
  messages = 0
  bytes: Bytes = 0
  readonly #sums = new Map<Addressee, Sum>()

  count({ rule, bytes }: Envelope, addressee: Addressee): void {
    this.messages++
    this.bytes += bytes
    const sum = this.#sums.get(addressee) ?? { messages: 0, bytes: 0, events: new Map() }
    sum.messages++
    sum.bytes += bytes
    sum.events.set(rule.event, (sum.events.get(rule.event) ?? 0) + 1)
    this.#sums.set(addressee, sum)
  }

  addressees(): Iterable<Addressee> {
    return this.#sums.keys()
  }

  of(addressee: Addressee): Pick<ClosedSummary, 'messages' | 'bytes' | 'events'> {
    const { messages = 0, bytes = 0, events = [] } = this.#sums.get(addressee) ?? {}
    return { messages, bytes, events: Object.fromEntries(events) }
  }
}

interface Sum {
  messages: number
  bytes: Bytes
  readonly events: Map<string, number>
}
