import type { Bytes, Millis } from '../base/units.ts'
import { SLOWEST } from '../window/transit.ts'

/**
 * How a client's kernel socket takes a backlog. Linux takes nothing for as long as a third of its send
 * buffer needs to be read (`sk_stream_is_writeable`), which is minutes at some kilobytes a second: so
 * what was taken buys time, at 2 KB/s. Measured at 200 KB/s over loopback: 4.0 MB at once, then 1.45 MB
 * every 7.9 s.
 */
export class KernelProgress {
  /** When the kernel last took something. */
  movedAt: Millis
  /** Until when a slow client may be reading what the kernel has. */
  readBy: Millis

  /** @param taken in the whole life of the connection */
  constructor(taken: Bytes, now: Millis) {
    this.movedAt = now
    this.readBy = now + mostTime(taken)
  }

  /** @param bytes of these, taken since the last time */
  took(bytes: Bytes, taken: Bytes, now: Millis): void {
    if (bytes === 0) return
    this.movedAt = now
    const readBy = Math.max(this.readBy, now) + bytes / SLOWEST
    this.readBy = Math.min(readBy, now + mostTime(taken))
  }
}

/** Linux's default (`net.ipv4.tcp_wmem`). */
const LARGEST_BUFFER: Bytes = 4 * 1024 * 1024
/** A third by the rule, 0.36 as measured. */
const STEP = 0.5

/** The longest that the kernel may take nothing. */
function mostTime(taken: Bytes): Millis {
  return (STEP * Math.min(taken, LARGEST_BUFFER)) / SLOWEST
}
