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
   * Polling: a response was written, whose delivery the next poll proves; `behind` bytes wait.
   *
   * @returns the sequence number of the delivery
   */
  responded(behind: Bytes, now: Millis): number
  /**
   * A delivery was proved.
   *
   * @param waited how long the proof may have waited for the event loop; if not given, no longer than
   *   for this turn of the loop
   */
  answered(sequence: number, now: Millis, waited?: Millis): void
  /**
   * A heartbeat of the client has arrived.
   *
   * @param answered whether it is an answer; in protocol 3 clients send heartbeats themselves
   */
  heartbeat(answered: boolean, now: Millis): void
  /** The application is about to close the transport itself. */
  closes(now: Millis): void
  /** The connection has another transport, with perhaps another proof of delivery. */
  upgraded(): void
  /** The connection is gone; the link has detached from it. */
  disconnected(): void
}

/** A link whose channel has nothing queued any more. */
export interface Emptied {
  tellDrained(): void
}

/** What all transports share. */
export interface GaugeHost {
  /** How long the event loop has been busy since some instant. */
  readonly busyTime: Millis
  /** Whether everything is written where, and answered as, without the plugin (mode `observe`). */
  readonly plain: boolean
  /** Asks for `tickEnded`, at once if no tick is under way. */
  whenTickEnds(member: TickMember): void
  /** Asks for `tickEnded` when a later tick ends. */
  afterTick(member: TickMember): void
  /** A client has answered a marker that is not open, which proves nothing. */
  unasked(): void
}

/** What all links share. */
export interface LinkHost extends GaugeHost {
  now(): Millis
  /** The most bytes that may be handed over at once now. */
  readonly handover: Bytes
  readonly batches: FrameBatches
  readonly heldBytes: HeldBytes
  /** Asks for one call of `tellDrained` when a later tick ends, however often it is called. */
  emptied(link: Emptied): void
  /** Kernel sockets that are no client's transport, such as those of upgrades under way. */
  readonly strays: {
    claim(session: string, socket: object | undefined): void
    endOf(session: string): void
  }
}

/**
 * How a transport closes. `last`: what is written now leaves with the close; `shut`: nothing that is
 * written reaches the client any more.
 */
export type Ending = 'last' | 'shut'

/** The way to one client, as its channel sees it. */
export interface Link {
  readonly transport: string
  /** Bytes handed over that the kernel (on polling: the client) has not taken yet. */
  readonly outstanding: Bytes
  /** Estimated memory of the outstanding messages. */
  readonly cost: Bytes
  /** Whether so many bytes may be handed over now, without a backlog that delays heartbeats. */
  hasRoom(bytes: Bytes): boolean
  /** Set while the transport closes and the connection is not gone yet. */
  readonly ending: Ending | undefined
  /** Runs writes that have to leave before the transport closes, whatever is under way. */
  writeLast(writes: () => void): void
  /** Whether `write` writes at once; if not, it keeps messages until `flush`. */
  readonly immediate: boolean
  /** Hands one message over, with all its parts. */
  write(envelope: Envelope): void
  /**
   * Hands over a message that can't reach the client any more, so that Engine.IO notices that the
   * connection is gone, as without the plugin.
   */
  writeInVain(envelope: Envelope): void
  /** Bytes of the messages that are kept until `flush`. */
  readonly pending: Bytes
  /** Writes the messages that were kept, in one system call. */
  flush(isFresh?: boolean): void
  /** Bytes in Engine.IO's write buffer: a marker would overtake them. */
  readonly waiting: Bytes
  /**
   * How this transport proves delivery: by markers, by itself (the next poll proves the response
   * before), or not at all.
   */
  readonly proof: 'markers' | 'itself' | 'none'
  /** Bytes received from the client so far, if known. */
  readonly heard: Bytes
  /** Time between the answer to a heartbeat and the next heartbeat; NaN if unknown. */
  readonly heartbeatInterval: Millis
  readonly upgrading: boolean
  /** How long an upgrade may take at most. */
  readonly upgradeTimeout: Millis
  /** More answers to the client's own heartbeats wait than any honest client causes. */
  readonly isFlooded: boolean
  /** Writes a delivery marker now, behind the messages that were kept. */
  mark(sequence: number, isFresh?: boolean): void
  /** The channel's queue has become empty without a write. */
  emptied(): void
  /** Runs writes whose frames leave as one batch. */
  batch(writes: () => void): void
  /** Bytes that the transport has taken since the last call, as far as is known. */
  progressed(): Bytes
  /** Bytes that the transport has taken until the last call of `progressed`. */
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
 * The most bytes handed over at once. What stays in the lanes can be overtaken and shed, and a
 * heartbeat waits for no more than this. Four times the high water mark of Node's sockets (16 KiB),
 * so that a fast client is not slowed down.
 */
export const HANDOVER: Bytes = 64 * 1024
