import type { Bytes } from '../base/units.ts'
import type { Envelope } from '../message/envelope.ts'
import type { FrameBatch } from '../message/frame-batch.ts'
import { Held, type Shared } from '../message/held-bytes.ts'
import { bytesHeldBack, type EngineSocket, type EngineWrite } from '../socketio/engine.ts'
import type { FrameWriter } from './direct/frame-writer.ts'
import { holdFlush, listenForDrain, releaseFlush } from './engine-events.ts'
import { KernelBacklog } from './kernel-backlog.ts'
import { HANDOVER, type LinkHost } from './link.ts'
import { MARKER_BYTES } from './marker-tokens.ts'
import type { GaugeEvents, TransportGauge } from './transports/transport.ts'
import { gaugeFor } from './transports/transport-for.ts'
import { hideBatch, returnFirst, showPackets, showsBatch } from './write-buffer.ts'

/**
 * Writes under way at most: each takes some hundred bytes, however short it is. What waits in lanes is
 * joined.
 */
const MOST_WRITES = 256
/** Beyond what is handed over here, Engine.IO answers the heartbeats of clients of protocol 3. */
const MOST_REPLIES = 4 * MOST_WRITES

/**
 * The writing half of a link: hands messages over, to Engine.IO or past it to the kernel socket, and
 * counts what of them the transport has taken.
 */
export abstract class Handover implements GaugeEvents {
  readonly conn: EngineSocket
  readonly host: LinkHost
  /** Bytes in `conn.writeBuffer`, which Engine.IO empties as a whole. */
  waiting: Bytes = 0
  /** Bytes that the transport has taken, as far as was counted. */
  taken: Bytes = 0
  /** Whether it listens to the connection's `drain`. */
  followsDrain = false
  /** Set while messages are written whose packets Engine.IO is to flush together. */
  holdsFlush = false
  protected gauge: TransportGauge
  /** What the kernel has not taken. Made when the kernel first leaves something. */
  protected backlog: KernelBacklog | undefined
  /** What somebody has put in the place of Engine.IO's own, and is to see all that is written. */
  readonly #ownWrite: EngineWrite | undefined
  /** What this tick is to write past Engine.IO. */
  #batch: FrameBatch | undefined
  /** Of a message that is being written, the bytes of the parts still to come. */
  #unwritten: Bytes = 0
  #handedOver: Bytes = 0
  /** Of the write under way when it was last counted, the bytes that the kernel had not taken. */
  #underWay: Bytes = 0

  constructor(conn: EngineSocket, host: LinkHost) {
    this.conn = conn
    this.host = host
    if (Object.hasOwn(conn, 'write')) this.#ownWrite = conn.write
    this.gauge = gaugeFor(conn, conn.transport, this)
  }

  abstract ready(): void
  abstract closes(): void
  abstract responded(behind: Bytes): number
  abstract answered(sequence: number, waited?: number): void

  /** Counts what Engine.IO was given before. */
  protected countEarlier(): void {
    this.waiting = bytesHeldBack(this.conn)
    if (this.waiting > 0) this.#followDrain()
    if (this.outstanding > 0) this.#wrote(new Held(this.outstanding))
  }

  get outstanding(): Bytes {
    return this.waiting + this.pending + this.gauge.held
  }

  get pending(): Bytes {
    return this.#batch?.bytes ?? 0
  }

  get immediate(): boolean {
    return this.#writer === undefined
  }

  /** A message of any size goes when nothing else is outstanding. */
  hasRoom(bytes: Bytes): boolean {
    const { outstanding } = this
    if (outstanding === 0 || (this.holdsFlush && this.gauge.gathers)) return true
    if (this.backlog && this.backlog.writes >= MOST_WRITES) return false
    return outstanding + bytes <= Math.min(HANDOVER, this.host.handover)
  }

  get isFlooded(): boolean {
    return (this.conn.writeBuffer?.length ?? 0) > MOST_REPLIES
  }

  get cost(): Bytes {
    return this.backlog?.cost ?? 0
  }

  write(envelope: Envelope): void {
    this.#handedOver += envelope.bytes
    if (this.#keep(envelope)) return
    this.flush()
    this.#followDrain()
    const { bytes, sizes } = envelope
    this.waiting += bytes
    this.#unwritten += bytes
    for (let index = 0; index < sizes.length; index++) {
      this.#unwritten -= sizes[index]!
      this.#writePart(envelope, index)
    }
    this.#wrote(envelope)
  }

  writeInVain(envelope: Envelope): void {
    this.flush()
    for (let index = 0; index < envelope.parts.length; index++) this.#writePart(envelope, index)
  }

  #writePart({ parts, options, callback }: Envelope, index: number): void {
    const write = this.#ownWrite ?? inheritedOf(this.conn).write
    const isLast = index === parts.length - 1
    write.call(this.conn, parts[index]!, options, isLast ? callback : undefined)
  }

  flush(isFresh = false): void {
    const batch = this.#takeBatch(isFresh)
    if (!batch) return
    this.gauge.writer!.write(batch)
    this.#wrote(batch.held)
  }

  mark(sequence: number, isFresh = false): void {
    const batch = this.#takeBatch(isFresh)
    this.gauge.mark(sequence, batch)
    if (batch) this.#wrote(batch.held)
    this.backlog?.marked(MARKER_BYTES)
  }

  /**
   * Frames leave in one system call past Engine.IO. Where they can't, Engine.IO's flush is held
   * back: on polling, one response then carries them all.
   */
  batch(writes: () => void): void {
    const writer = this.#writer
    if (writer) {
      writer.cork()
      try {
        writes()
        this.flush()
      } finally {
        writer.uncork()
      }
      return
    }
    if (!holdFlush(this.conn)) {
      writes()
      return
    }
    this.holdsFlush = true
    try {
      writes()
    } finally {
      this.releaseFlush()
    }
  }

  protected releaseFlush(): void {
    if (!this.holdsFlush) return
    this.holdsFlush = false
    releaseFlush(this.conn)
  }

  /** Keeps a message until `flush`. @returns whether it does */
  #keep(envelope: Envelope): boolean {
    const writer = this.#writer
    if (!writer || envelope.callback || !envelope.framable || this.host.plain) return false
    const before = this.#batch
    let shown = envelope.parts.length
    if (before) {
      if (writer.isSeen || !showsBatch(this.conn, before)) return false
      this.#batch = before.and(envelope)
    } else {
      if (!writer.isUsable) return false
      this.#batch = this.host.batches.startingWith(envelope, writer.reserve())
      shown = this.#batch.heldBack
    }
    if (shown > 0) showPackets(this.conn, envelope, shown)
    return true
  }

  /** Takes what was kept, to be written now; what was checked just now (`isFresh`) still holds. */
  #takeBatch(isFresh: boolean): FrameBatch | undefined {
    const batch = this.#batch
    if (!batch) return undefined
    const isShown = isFresh || showsBatch(this.conn, batch)
    if (!isShown || (!isFresh && this.gauge.writer!.isReplaced)) {
      this.#leaveBatch(batch, isShown)
      return undefined
    }
    this.#batch = undefined
    hideBatch(this.conn, batch)
    return batch
  }

  /** Leaves what was kept to Engine.IO, if there is any. */
  protected leaveKept(): void {
    if (this.#batch) this.#leaveBatch(this.#batch, false)
  }

  /** @param isShown whether Engine.IO has not begun to send the packets that it has in its buffer */
  #leaveBatch(batch: FrameBatch, isShown: boolean): void {
    this.#batch = undefined
    const { conn } = this
    returnFirst(conn, batch)
    this.gauge.writer?.release(isShown || !batch.isHeldBack)
    if (conn.writeBuffer!.length === 0) this.gauge.flushed(batch.bytes, 0)
    else {
      this.#followDrain()
      this.waiting += batch.bytes
    }
    this.#wrote(batch.held)
  }

  /** The way past Engine.IO, if there is one. */
  get #writer(): FrameWriter | undefined {
    return this.#ownWrite ? undefined : this.gauge.writer
  }

  #wrote(item: Shared): void {
    if (this.outstanding === 0) {
      this.backlog?.keep(0)
      return
    }
    this.backlog ??= new KernelBacklog(this.host.heldBytes)
    this.backlog.add(item)
  }

  /** To be called whenever the client is heard: no event tells that the kernel has taken a marker. */
  protected forgetTaken(): void {
    this.backlog?.keep(this.outstanding)
  }

  #followDrain(): void {
    if (this.followsDrain) return
    this.followsDrain = true
    listenForDrain(this.conn)
  }

  /**
   * Engine.IO has emptied its write buffer.
   *
   * @returns bytes of a message being written that are still to come
   */
  protected countFlushed(): Bytes {
    if (this.#batch && !showsBatch(this.conn, this.#batch)) this.#leaveBatch(this.#batch, false)
    const behind = this.#unwritten
    const flushed = this.waiting - behind
    this.waiting = behind
    if (flushed > 0) this.gauge.flushed(flushed, behind)
    return behind
  }

  /** @returns bytes taken since the last call */
  protected countTaken(): Bytes {
    this.forgetTaken()
    const taken = this.#handedOver - this.outstanding
    const { underWay } = this.gauge
    // a write counts when it is done, the part of it before that too: more than once at most twice
    const part = this.#underWay - underWay
    const whole = taken - this.taken
    this.taken = Math.max(taken, this.taken)
    this.#underWay = underWay
    return Math.max(0, part, whole)
  }
}

/** Engine.IO's methods as they are now: they may be replaced for all connections at any time. */
export function inheritedOf(conn: EngineSocket): EngineSocket {
  return Object.getPrototypeOf(conn)
}
