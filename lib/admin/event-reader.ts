import { Readable } from 'node:stream'
import { type Bytes, KiB, type Millis } from '../base/units.ts'

/** Kept for one reader that is slower than what happens. */
const BACKLOG: Bytes = 64 * KiB

/** The HTTP response that a stream goes to. */
export interface EventResponse {
  /** Bytes that it has been given and the kernel has not taken; HTTP/2 does not tell. */
  readonly writableLength?: Bytes
  destroy(): unknown
}

/** One stream of events. What comes while its backlog is full is counted, and told when it is not. */
export class EventReader {
  readonly stream: Readable
  readonly response: EventResponse
  /** Where it reads from, to share the places fairly. */
  readonly address: string
  /** When the kernel last took something, or had taken everything. */
  takenAt: Millis
  #given: Bytes = 0
  #taken: Bytes = 0
  #omitted = 0

  constructor(response: EventResponse, address: string, now: Millis) {
    this.response = response
    this.address = address
    this.takenAt = now
    this.stream = new Readable({ highWaterMark: BACKLOG, read: () => this.#caughtUp() })
    // so that the answer begins at once
    this.#push(': events\n\n')
  }

  /** Bytes that the kernel has not taken. */
  get behind(): Bytes {
    return this.stream.readableLength + (this.response.writableLength ?? 0)
  }

  send(frame: string): void {
    if (this.stream.readableLength >= BACKLOG) this.#omitted++
    else this.#push(frame)
  }

  /** Notices what the kernel has taken since the last look. */
  look(now: Millis): void {
    const { behind } = this
    const taken = this.#given - behind
    if (behind === 0 || taken > this.#taken) this.takenAt = now
    this.#taken = taken
  }

  end(): void {
    this.#caughtUp()
    this.stream.push(null)
  }

  #push(frame: string): void {
    this.#given += Buffer.byteLength(frame)
    this.stream.push(frame)
  }

  #caughtUp(): void {
    if (this.#omitted === 0) return
    const frame = frameOf('omitted', { count: this.#omitted })
    this.#omitted = 0
    this.#push(frame)
  }
}

/** One event (HTML Living Standard, 9.2.6). */
export function frameOf(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
