import type { Bytes, Millis } from '../base/units.ts'
import type { TickMember } from '../loop/turn-scheduler.ts'
import type { Envelope } from '../message/envelope.ts'
import type { FrameBatches } from '../message/frame-batch.ts'
import type { HeldBytes } from '../message/held-bytes.ts'

/** What a link tells its channel. */
export interface LinkEvents {
  /** Whether `pump` would do anything. */
  readonly active: boolean
  /** The transport can take more. */
  pump(now: Millis): void
  /**
   * Polling: a response was written, which the next poll will answer; `behind` bytes wait.
   *
   * @returns the sequence number of the answer
   */
  responded(behind: Bytes, now: Millis): number
  /**
   * A marker was answered.
   *
   * @param waited how long the answer may have waited here; if not given, no longer than for this turn
   *   of the loop
   */
  answered(sequence: number, now: Millis, waited?: Millis): void
  /**
   * The client was heard by a heartbeat.
   *
   * @param answered it has answered one; in protocol 3 clients send them themselves
   */
  heartbeat(answered: boolean, now: Millis): void
  /** The application closes the transport itself, and it has not yet begun to close. */
  closes(now: Millis): void
  /** Another transport took over; what proves delivery may be another. */
  upgraded(): void
  /** The connection is gone, and the link detached from it. */
  disconnected(): void
}

/** A link that nothing waits for any more. */
export interface Emptied {
  tellDrained(): void
}

/** What all transports share. */
export interface GaugeHost {
  /** For how long the event loop has been busy so far, since some instant. */
  readonly busyTime: Millis
  /** Whether everything is written where, and answered as, without the plugin. */
  readonly plain: boolean
  /** Asks for `tickEnded`, at once if no tick is under way. */
  whenTickEnds(member: TickMember): void
  /** Asks for `tickEnded` when a later tick ends. */
  afterTick(member: TickMember): void
  /** A client has answered a marker that it was not sent, or once more: that proves nothing. */
  unasked(): void
}

/** What all links share. */
export interface LinkHost extends GaugeHost {
  now(): Millis
  /** How much may be handed over at once now. */
  readonly handover: Bytes
  readonly batches: FrameBatches
  readonly heldBytes: HeldBytes
  /** Asks for `tellDrained` when a later tick ends, once however often it is asked for. */
  emptied(link: Emptied): void
  /** Kernel sockets that are no client's own: those of upgrades under way, by session. */
  readonly strays: {
    claim(session: string, socket: object | undefined): void
    endOf(session: string): void
  }
}

/**
 * How a transport closes. `last`: what is written leaves with the close, nothing after that; `shut`:
 * nothing that is written will reach the client any more.
 */
export type Ending = 'last' | 'shut'

/** The way to one client, as its channel sees it. */
export interface Link {
  readonly transport: string
  /** Bytes handed over that the kernel (on polling: the client) has not taken yet. */
  readonly outstanding: Bytes
  /** What that takes in memory, as estimated. */
  readonly cost: Bytes
  /** Whether so many bytes may be handed over now without a backlog that delays heartbeats. */
  hasRoom(bytes: Bytes): boolean
  /** Set while the transport is being closed, and the connection is not gone yet. */
  readonly ending: Ending | undefined
  /** Runs writes that are to leave before the transport closes, whatever is under way. */
  writeLast(writes: () => void): void
  /** Whether `write` writes at once; if not, messages are kept until `flush`. */
  readonly immediate: boolean
  /** Hands one message over; its parts are never separated. */
  write(envelope: Envelope): void
  /**
   * Hands over what can't reach the client: the connection is to find out that it is gone, as
   * without the plugin.
   */
  writeInVain(envelope: Envelope): void
  /** Bytes handed over that are kept until `flush`. */
  readonly pending: Bytes
  /** Writes what was kept, in one system call. */
  flush(): void
  /** Bytes handed over that the connection still holds back: a marker would overtake them. */
  readonly waiting: Bytes
  /**
   * How this transport proves delivery: by markers, by itself (the next poll answers for the
   * response before), or not at all.
   */
  readonly proof: 'markers' | 'itself' | 'none'
  /** Bytes received from the client so far, if known. */
  readonly heard: Bytes
  /** Between a heartbeat's answer and the next heartbeat; NaN if unknown. */
  readonly heartbeatInterval: Millis
  readonly upgrading: boolean
  /** How long an upgrade may take. */
  readonly upgradeTimeout: Millis
  /** So many answers to the client's own heartbeats wait that it can only want to fill memory. */
  readonly isFlooded: boolean
  /** Writes a delivery marker now, behind what was kept. */
  mark(sequence: number): void
  /** Nothing waits for it any more, though the last of it was not written. */
  emptied(): void
  /** Runs writes whose frames leave as one batch. */
  batch(writes: () => void): void
  /** Bytes that were taken since the last call, as far as is known. */
  progressed(): Bytes
  /** All that were taken until then. */
  readonly taken: Bytes
  /** Closes as the application asked: in good order, or discarding what is buffered. */
  close(discard?: boolean): void
  /** Closes at once, with an upgrade that is under way, and frees what is buffered. */
  terminate(): void
  /**
   * Tells the client to close, if that can be done now; the connection is closed when it has
   * answered.
   *
   * @returns whether it was told
   */
  end(): boolean
}

/**
 * At most this much is handed over at once: what waits behind it in user space can still be
 * overtaken, and a heartbeat waits for no more than this. Four times Node's own high water mark
 * of a socket (16 KiB), so that a fast client is not slowed down.
 */
export const HANDOVER: Bytes = 64 * 1024
