import type { Bytes, Millis } from '../../base/units.ts'
import type { FrameBatch } from '../../message/frame-batch.ts'
import type { EngineTransport } from '../../socketio/engine.ts'
import type { FrameWriter } from '../direct/frame-writer.ts'
import type { Ending, GaugeHost } from '../link.ts'

/** Measures one transport object of a connection, and closes it. */
export interface TransportGauge {
  readonly name: string
  /** Writes frames past Engine.IO, where that is possible. */
  readonly writer: FrameWriter | undefined
  readonly proof: 'markers' | 'itself' | 'none'
  /** Whether another node delivers what the transport is given. */
  readonly elsewhere: boolean
  /** Whether this gauge is that of a connection's present transport. */
  measures(transport: EngineTransport): boolean
  /** Bytes that the transport holds and the kernel (on polling: the client) has not taken. */
  readonly held: Bytes
  readonly ending: Ending | undefined
  /** Whether what is written now leaves in one response, whatever its size. */
  readonly gathers: boolean
  /** Bytes of the write under way that the kernel has not taken; 0 if unknown. */
  readonly underWay: Bytes
  /** Bytes received from the client so far; 0 if unknown. */
  readonly heard: Bytes
  /** Engine.IO has given the transport so many bytes of its write buffer, and `behind` bytes not yet. */
  flushed(bytes: Bytes, behind: Bytes): void
  /**
   * Writes a delivery marker.
   *
   * @param before to be written right before it
   */
  mark(sequence: number, before?: FrameBatch): void
  terminate(): void
  /**
   * Tells the client to close, if that is possible now. A WebSocket is closed when it has answered.
   *
   * @param close Engine.IO's own
   * @returns whether it was told
   */
  end(close: () => void): boolean
  /** Called from time to time: checks for progress that no event tells of. */
  look(): void
  /**
   * Whether a kernel socket outlives the connection: until the client has answered a close, or the
   * kernel has taken what was written.
   */
  readonly lingers: boolean
  /** Calls back when the kernel socket of a transport that lingers is closed. */
  whenGone(callback: () => void): void
  /**
   * Removes its listeners.
   *
   * @param received whether the client has received all that the transport was given, as before an
   *   upgrade: a client upgrades after it has read its last response
   */
  detach(received: boolean): void
}

/** What a gauge tells its link. */
export interface GaugeEvents {
  readonly host: GaugeHost
  /** The transport can take more. */
  ready(): void
  /**
   * Polling: a response was written, and `behind` bytes were left out of it.
   *
   * @returns the sequence number of its delivery
   */
  responded(behind: Bytes): number
  /**
   * The client has proved a delivery.
   *
   * @param waited how long the proof may have waited for the event loop, if for longer than a turn
   */
  answered(sequence: number, waited?: Millis): void
  /** The application is about to close the transport itself. */
  closes(): void
  /** Whether the link itself listens to the connection's `drain`. */
  readonly followsDrain: boolean
}
