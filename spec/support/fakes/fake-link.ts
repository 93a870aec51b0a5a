import type { Link } from '../../../lib/link/link.ts'
import type { Envelope } from '../../../lib/message/envelope.ts'
import { StubLink } from './stub-link.ts'

/** A link that takes what it is told to take, and remembers what was written. */
export class FakeLink extends StubLink implements Link {
  readonly transport = 'fake'
  proof: Link['proof'] = 'none'
  waiting = 0
  heard = 0
  heartbeatInterval = 25_000
  upgrading = false
  upgradeTimeout = 10_000
  readonly marks: number[] = []
  readonly written: Envelope[] = []
  readonly delivered: Envelope[] = []
  closed = 0
  terminated = 0
  ended = 0
  /** Whether the client can be told to close. */
  tellable = true
  handover = 1000
  #seen = 0

  get outstanding(): number {
    return sum(this.written) - sum(this.delivered)
  }

  hasRoom(bytes: number): boolean {
    return this.outstanding === 0 || this.outstanding + bytes <= this.handover
  }

  write(envelope: Envelope): void {
    this.written.push(envelope)
  }

  mark(sequence: number): void {
    this.marks.push(sequence)
  }

  progressed(): number {
    const taken = this.taken - this.#seen
    this.#seen = this.taken
    return taken
  }

  get taken(): number {
    return sum(this.delivered)
  }

  close(): void {
    this.closed++
  }

  terminate(): void {
    this.terminated++
  }

  end(): boolean {
    if (this.tellable) this.ended++
    return this.tellable
  }

  /** The client takes so many of the messages that it was sent. */
  deliver(messages = Number.POSITIVE_INFINITY): void {
    const from = this.delivered.length
    this.delivered.push(...this.written.slice(from, from + messages))
  }
}

function sum(envelopes: readonly Envelope[]): number {
  return envelopes.reduce((bytes, envelope) => bytes + envelope.bytes, 0)
}
