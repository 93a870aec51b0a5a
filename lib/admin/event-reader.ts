import { Readable } from 'node:stream'
import { type Bytes, KiB, type Millis } from '../base/units.ts'

/** Most bytes queued for one slow reader. */
const BACKLOG: Bytes = 64 * KiB

/** The HTTP response that a stream goes to. */
export interface EventResponse {
  /** Bytes written and not yet accepted by the kernel; undefined for HTTP/2. */
  readonly writableLength?: Bytes
  destroy(): unknown
}

/** One reader's stream. Events that find its backlog full are dropped and reported as `omitted`. */
export class EventReader {
  readonly stream: Readable
  readonly response: EventResponse
  /** The client's IP address, to share the places fairly. */
  readonly address: string
  /** Time of the latest look at which the kernel had accepted more bytes, or all. */
  progressAt: Millis
  #written: Bytes = 0
  #accepted: Bytes = 0
  #omitted = 0

  constructor(response: EventResponse, address: string, now: Millis) {
    this.response = response
    this.address = address
    this.progressAt = now
    this.stream = new Readable({ highWaterMark: BACKLOG, read: () => this.#caughtUp() })
    // a comment, so that the response's headers are sent at once
    this.#push(': events\n\n')
  }

  /** Bytes that the kernel has not accepted. */
  get behind(): Bytes {
    return this.stream.readableLength + (this.response.writableLength ?? 0)
  }

  send(frame: string): void {
    if (this.stream.readableLength >= BACKLOG) this.#omitted++
    else this.#push(frame)
  }

  /** Updates `progressAt` by the bytes that the kernel has accepted since the previous look. */
  look(now: Millis): void {
    const { behind } = this
    const accepted = this.#written - behind
    if (behind === 0 || accepted > this.#accepted) this.progressAt = now
    this.#accepted = accepted
  }

  end(): void {
    this.#caughtUp()
    this.stream.push(null)
  }

  #push(frame: string): void {
    this.#written += Buffer.byteLength(frame)
    this.stream.push(frame)
  }

  #caughtUp(): void {
    if (this.#omitted === 0) return
    const frame = frameOf('omitted', { count: this.#omitted })
    this.#omitted = 0
    this.#push(frame)
  }
}

/** Text of one server-sent event (HTML Living Standard, 9.2.6). */
export function frameOf(event: string, data: object): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`
}
