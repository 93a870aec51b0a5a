import type { Bytes, Millis } from '../../base/units.ts'
import type { FrameBatch } from '../../message/frame-batch.ts'
import type { EngineTransport } from '../../socketio/engine.ts'
import type { FrameWriter } from '../direct/frame-writer.ts'
import type { Ending, GaugeHost } from '../link.ts'

/** What can be measured at, and done to, one transport object of a connection. */
export interface TransportGauge {
  readonly name: string
  /** The way past Engine.IO, if there is one. */
  readonly writer: FrameWriter | undefined
  readonly proof: 'markers' | 'itself' | 'none'
  /** Whether what it is given, and what proves its delivery, goes by a transport of another node. */
  readonly elsewhere: boolean
  /** Whether it measures what a connection has as its transport now. */
  measures(transport: EngineTransport): boolean
  /** Bytes that the transport holds and the kernel (on polling: the client) has not taken. */
  readonly held: Bytes
  readonly ending: Ending | undefined
  /** Whether a batch leaves in one response, whatever its size, with all that was written before. */
  readonly gathers: boolean
  /** Of a write that is under way, the bytes that the kernel has not taken; 0 if unknown. */
  readonly underWay: Bytes
  /** Bytes received from the client so far; 0 if unknown. */
  readonly heard: Bytes
  /** The connection's write buffer went to the transport; `behind` bytes did not. */
  flushed(bytes: Bytes, behind: Bytes): void
  /** @param before to be written right before the marker */
  mark(sequence: number, before?: FrameBatch): void
  terminate(): void
  /**
   * Tells the client to close, if that can be done now; a WebSocket is closed when it has answered.
   *
   * @param close Engine.IO's own
   * @returns whether it was told
   */
  end(close: () => void): boolean
  /** Notices, from time to time, what nobody tells. */
  look(): void
  /**
   * Whether a kernel socket outlives the connection: until the client has answered a close, or the
   * kernel has taken what was written.
   */
  readonly lingers: boolean
  /** Calls back when it does not any more; only for one that lingers. */
  whenGone(callback: () => void): void
  /**
   * Takes its listeners off.
   *
   * @param received whether all that it was given was received, as before an upgrade: a client
   *   upgrades after it has read its last response
   */
  detach(received: boolean): void
}

/** What a gauge tells its link. */
export interface GaugeEvents {
  readonly host: GaugeHost
  /** The transport can take more. */
  ready(): void
  /** @returns the sequence number of the answer */
  responded(behind: Bytes): number
  /** @param waited how long the answer may have waited here, if longer than for a turn of the loop */
  answered(sequence: number, waited?: Millis): void
  /** The application closes the transport itself: it has not yet begun to close. */
  closes(): void
  /** Whether the link itself listens to the connection's `drain`. */
  readonly followsDrain: boolean
}
