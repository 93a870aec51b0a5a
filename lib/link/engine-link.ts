import { timers } from '../base/timers.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { TickMember } from '../loop/turn-scheduler.ts'
import type { Envelope } from '../message/envelope.ts'
import type { FrameBatch } from '../message/frame-batch.ts'
import { Held, type Shared } from '../message/held-bytes.ts'
import {
  bytesHeldBack,
  type EngineSocket,
  type EngineWrite,
  kernelSocketOf,
} from '../socketio/engine.ts'
import { note, Override } from '../socketio/override.ts'
import { hasOwnFlush } from '../socketio/send-path.ts'
import type { FrameWriter } from './direct/frame-writer.ts'
import { KernelBacklog } from './kernel-backlog.ts'
import { type Ending, HANDOVER, type Link, type LinkEvents, type LinkHost } from './link.ts'
import { MARKER_BYTES } from './marker-tokens.ts'
import type { GaugeEvents, TransportGauge } from './transports/transport.ts'
import { elsewhere, gaugeFor } from './transports/transport-for.ts'

/** An Engine.IO connection, over whatever transport it has now. */
export class EngineLink implements Link, GaugeEvents {
  /** Bytes in `conn.writeBuffer`, which Engine.IO empties as a whole. */
  waiting: Bytes = 0
  readonly conn: LinkedSocket
  /** What somebody has put in the place of Engine.IO's own, and is to see all that is written. */
  readonly #ownWrite: EngineWrite | undefined
  readonly #ownClose: EngineSocket['close'] | undefined
  readonly #host: LinkHost
  #events: LinkEvents | undefined
  #gauge: TransportGauge
  /** What this tick is to write past Engine.IO. */
  #burst: FrameBatch | undefined
  /** Made when the kernel first leaves something. */
  #backlog: KernelBacklog | undefined
  /** Of the connection. */
  followsDrain = false
  /** Of a message that is being written, the bytes of the parts still to come. */
  #unwritten: Bytes = 0
  #handedOver: Bytes = 0
  taken: Bytes = 0
  #underWay: Bytes = 0
  /** In a batch, for which Engine.IO's flush is held back. */
  batching = false
  /** Engine.IO tells of a new transport, and has not finished with it. */
  #switching = false

  /** @param conn with its own `write` and `close`, which the tap is to shadow */
  constructor(conn: EngineSocket, host: LinkHost) {
    this.conn = conn
    if (Object.hasOwn(conn, 'write')) this.#ownWrite = conn.write
    if (Object.hasOwn(conn, 'close')) this.#ownClose = conn.close
    this.#host = host
    this.#gauge = gaugeFor(conn, conn.transport, this)
    note(this.conn, kLink, this)
    conn.on('heartbeat', onHeartbeat)
    // before Socket.IO, also where it listens already: it has yet to tell that its sockets are gone
    conn.prependListener('close', onClose)
    // of a WebSocket too: Engine.IO lets a client replace one by another
    conn.on('upgrade', onUpgrade)
    this.waiting = bytesHeldBack(conn)
    if (this.waiting > 0) this.#followDrain()
    if (this.outstanding > 0) this.#wrote(new Held(this.outstanding))
  }

  /** Who is told from now on. */
  listen(events: LinkEvents): void {
    this.#events = events
  }

  get transport(): string {
    return this.#gauge.name
  }

  get proof(): 'markers' | 'itself' | 'none' {
    return this.#gauge.proof
  }

  get heard(): Bytes {
    return this.#gauge.heard
  }

  get heartbeatInterval(): Millis {
    return this.conn.server?.opts?.pingInterval ?? Number.NaN
  }

  get upgrading(): boolean {
    return this.conn.upgrading === true
  }

  get upgradeTimeout(): Millis {
    return this.conn.server?.opts?.upgradeTimeout ?? UPGRADE_TIMEOUT
  }

  get outstanding(): Bytes {
    return this.waiting + this.pending + this.#gauge.held
  }

  get pending(): Bytes {
    return this.#burst?.bytes ?? 0
  }

  get immediate(): boolean {
    return this.#writer === undefined
  }

  get ending(): Ending | undefined {
    return this.#gauge.ending
  }

  /** A message of any size goes when nothing else is outstanding. */
  hasRoom(bytes: Bytes): boolean {
    const { outstanding } = this
    if (outstanding === 0 || (this.batching && this.#gauge.gathers)) return true
    if (this.#backlog && this.#backlog.writes >= MOST_WRITES) return false
    return outstanding + bytes <= Math.min(HANDOVER, this.#host.handover)
  }

  get isFlooded(): boolean {
    return (this.conn.writeBuffer?.length ?? 0) > MOST_REPLIES
  }

  get cost(): Bytes {
    return this.#backlog?.cost ?? 0
  }

  write(envelope: Envelope): void {
    this.#handedOver += envelope.bytes
    if (this.#keep(envelope)) return
    this.flush()
    this.#followDrain()
    const { parts, sizes, options, callback } = envelope
    this.waiting += envelope.bytes
    this.#unwritten += envelope.bytes
    const last = parts.length - 1
    const write = this.#connWrite
    for (let index = 0; index <= last; index++) {
      this.#unwritten -= sizes[index]!
      write.call(this.conn, parts[index]!, options, index === last ? callback : undefined)
    }
    this.#wrote(envelope)
  }

  writeInVain({ parts, options, callback }: Envelope): void {
    this.flush()
    const write = this.#connWrite
    const last = parts.length - 1
    for (let index = 0; index <= last; index++) {
      write.call(this.conn, parts[index]!, options, index === last ? callback : undefined)
    }
  }

  get #connWrite(): EngineWrite {
    return this.#ownWrite ?? inheritedOf(this.conn).write
  }

  flush(): void {
    const burst = this.#takeBurst()
    if (!burst) return
    this.#gauge.writer!.write(burst)
    this.#wrote(burst.held)
  }

  mark(sequence: number): void {
    const burst = this.#takeBurst()
    this.#gauge.mark(sequence, burst)
    if (burst) this.#wrote(burst.held)
    this.#backlog?.marked(MARKER_BYTES)
  }

  /** Takes what was kept out of Engine.IO's write buffer, unless it has been flushed meanwhile. */
  #takeBurst(): FrameBatch | undefined {
    const burst = this.#burst
    if (!burst) return undefined
    const isKept = this.#isKept(burst)
    if (!isKept || this.#gauge.writer!.isReplaced) {
      this.#leaveBurst(isKept)
      return undefined
    }
    this.#burst = undefined
    const { conn } = this
    if (burst.heldBack > 0) {
      const { length } = conn.writeBuffer!
      // its own packets may have come behind, such as a heartbeat
      conn.writeBuffer = length > burst.heldBack ? conn.writeBuffer!.slice(burst.heldBack) : []
    }
    return burst
  }

  /** Whether the packets of a burst are still in Engine.IO's write buffer, as far as they were. */
  #isKept({ heldBack, envelope }: FrameBatch): boolean {
    return heldBack === 0 || this.conn.writeBuffer![heldBack - 1] === envelope.packets.at(-1)
  }

  /**
   * Leaves what was kept to Engine.IO, which has the packets already, or has sent them.
   *
   * @param isKept whether nobody has begun to send them
   */
  #leaveBurst(isKept = false): void {
    const burst = this.#burst
    if (!burst) return
    this.#burst = undefined
    const { conn } = this
    // it would be gone already
    if (!burst.isHeldBack) conn.writeBuffer!.unshift(burst.first)
    this.#gauge.writer?.release(isKept || !burst.isHeldBack)
    if (conn.writeBuffer!.length === 0) this.#gauge.flushed(burst.bytes, 0)
    else {
      this.#followDrain()
      this.waiting += burst.bytes
    }
    this.#wrote(burst.held)
  }

  /**
   * One system call past Engine.IO; else its flush is held back: on polling, one response then
   * carries the whole batch.
   */
  batch(writes: () => void): void {
    const conn = this.conn
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
    // somebody else's own may do more than flush
    if (!hasOwnFlush(conn) || !heldBack.install(conn)) {
      writes()
      return
    }
    this.batching = true
    try {
      writes()
    } finally {
      this.#letGo()
    }
  }

  writeLast(writes: () => void): void {
    this.batch(writes)
    this.flush()
    const { conn } = this
    if (conn.writeBuffer?.length === 0) return
    // a WebSocket takes more than one batch at a time; otherwise the next poll takes it with the close
    if (this.#gauge.name === 'websocket') conn.transport.writable = true
    conn.flush?.()
  }

  #letGo(): void {
    if (!this.batching) return
    this.batching = false
    heldBack.restore(this.conn)
    this.conn.flush?.()
  }

  emptied(): void {
    this.#host.emptied(this)
  }

  /**
   * Tells whoever waits for `drain` that nothing is held back: without a write Engine.IO does not. If
   * it holds something back itself, it will.
   */
  tellDrained(): void {
    const { conn, followsDrain } = this
    if (conn.readyState !== 'open' || this.pending > 0 || (conn.writeBuffer?.length ?? 0) > 0)
      return
    if (conn.listenerCount('drain') > (followsDrain ? 1 : 0)) conn.emit('drain')
    const { server } = conn
    if (server?.listenerCount?.('drain') > 0) server.emit('drain', conn)
  }

  progressed(): Bytes {
    this.#gauge.look()
    if (this.#gauge.elsewhere) this.#measureNoMore()
    this.#letGoOfTaken()
    const taken = this.#handedOver - this.outstanding
    const { underWay } = this.#gauge
    // a write counts when it is done, the part of it before that too: more than once at most twice
    const part = this.#underWay - underWay
    const whole = taken - this.taken
    this.taken = Math.max(taken, this.taken)
    this.#underWay = underWay
    return Math.max(0, part, whole)
  }

  close(discard?: boolean): void {
    this.flush()
    // a listener may close the connection in the middle of a batch
    this.#letGo()
    // Engine.IO would close the new transport at once, without what it has not been given yet
    if (this.#switching && !discard) timers.nextTick(() => this.close())
    else this.#closeConnection(discard)
  }

  terminate(): void {
    this.#gauge.terminate()
    this.#host.strays.endOf(this.conn.id)
  }

  end(): boolean {
    this.flush()
    return this.#gauge.end(() => this.#closeConnection())
  }

  #closeConnection(discard?: boolean): void {
    const close = this.#ownClose ?? inheritedOf(this.conn).close
    close.call(this.conn, discard)
  }

  /** Whether its kernel socket is still open, though the connection is gone. */
  get lingers(): boolean {
    return this.#gauge.lingers
  }

  whenGone(callback: () => void): void {
    this.#gauge.whenGone(() => {
      this.#backlog?.keep(0)
      callback()
    })
  }

  /** Writes what it keeps, takes its listeners off the connection, and counts nothing any more. */
  detach(): void {
    this.#letGoOfEvents()
    this.#backlog?.keep(0)
  }

  #letGoOfEvents(): void {
    this.flush()
    this.#gauge.detach(false)
    // what the kernel takes later is told of all the same
    this.#events = undefined
    this.conn.off('drain', onDrain)
    this.followsDrain = false
    this.conn.off('heartbeat', onHeartbeat)
    this.conn.off('close', onClose)
    this.conn.off('upgrade', onUpgrade)
    Reflect.deleteProperty(this.conn, kLink)
  }

  ready(): void {
    this.#letGoOfTaken()
    if (this.#events?.active) this.#events.pump(this.#host.now())
  }

  closes(): void {
    // of a connection that is gone Engine.IO closes the transport
    if (this.conn.readyState !== 'closed') this.#events?.closes(this.#host.now())
  }

  responded(behind: Bytes): number {
    return this.#events?.responded(behind, this.#host.now()) ?? 0
  }

  answered(sequence: number, waited?: Millis): void {
    this.#letGoOfTaken()
    this.#events?.answered(sequence, this.#host.now(), waited)
  }

  get busyTime(): Millis {
    return this.#host.busyTime
  }

  get plain(): boolean {
    return this.#host.plain
  }

  unasked(): void {
    this.#host.unasked()
  }

  whenTickEnds(member: TickMember): void {
    this.#host.whenTickEnds(member)
  }

  afterTick(member: TickMember): void {
    this.#host.afterTick(member)
  }

  /** Nobody tells when the kernel takes a marker: so it is asked whenever the client is heard. */
  #letGoOfTaken(): void {
    this.#backlog?.keep(this.outstanding)
  }

  #wrote(item: Shared): void {
    if (this.outstanding === 0) {
      this.#backlog?.keep(0)
      return
    }
    this.#backlog ??= new KernelBacklog(this.#host.heldBytes)
    this.#backlog.add(item)
  }

  /** The way past Engine.IO, if there is one. */
  get #writer(): FrameWriter | undefined {
    return this.#ownWrite ? undefined : this.#gauge.writer
  }

  #keep(envelope: Envelope): boolean {
    const writer = this.#writer
    if (!writer || envelope.callback || !envelope.framable || this.#host.plain) return false
    const before = this.#burst
    let held = envelope.parts.length
    if (before) {
      if (writer.isSeen || !this.#isKept(before)) return false
      this.#burst = before.and(envelope)
    } else {
      if (!writer.isUsable) return false
      this.#burst = this.#host.bursts.startingWith(envelope, writer.reserve())
      held = this.#burst.heldBack
    }
    if (held > 0) this.#hold(envelope, held)
    return true
  }

  /** Shows the latest packets of a message where an application looks for what is held back. */
  #hold({ packets }: Envelope, count: number): void {
    const { writeBuffer } = this.conn
    for (let index = packets.length - count; index < packets.length; index++) {
      writeBuffer!.push(packets[index])
    }
  }

  /** From its first message through Engine.IO on: most clients never have one. */
  #followDrain(): void {
    if (this.followsDrain) return
    this.followsDrain = true
    this.conn.on('drain', onDrain)
  }

  /** Engine.IO's `drain` means that the write buffer went to the transport, nothing more. */
  drained(): void {
    if (this.#burst && !this.#isKept(this.#burst)) this.#leaveBurst()
    const behind = this.#unwritten
    const flushed = this.waiting - behind
    this.waiting = behind
    if (flushed > 0) this.#gauge.flushed(flushed, behind)
    if (!this.#gauge.elsewhere) return
    this.#measureNoMore()
    // nobody tells when another node can take more; in the middle of a message nothing may follow
    if (behind === 0) this.ready()
  }

  /** Not by its argument: cluster-engine tells of upgrades elsewhere, and has none to tell. */
  upgraded(): void {
    const { conn } = this
    this.#host.strays.claim(conn.id, kernelSocketOf(conn.transport))
    if (this.#gauge.measures(conn.transport)) return
    // Engine.IO is about to flush its write buffer to the new one
    this.#leaveBurst()
    this.#switching = true
    timers.nextTick(() => {
      this.#switching = false
    })
    this.#measure(gaugeFor(conn, conn.transport, this), true)
    this.ready()
  }

  #measureNoMore(): void {
    if (this.#gauge.proof === 'none') return
    this.#measure(elsewhere(this.conn, this.conn.transport, this), false)
  }

  /** @param received whether the client has all that went by the gauge before */
  #measure(gauge: TransportGauge, received: boolean): void {
    const before = this.#gauge
    // first the new one, since what `before` tells leads to writes
    this.#gauge = gauge
    before.detach(received)
    this.#events?.upgraded()
  }

  heartbeat(): void {
    this.#letGoOfTaken()
    this.#events?.heartbeat(this.conn.protocol === ANSWERS_HEARTBEATS, this.#host.now())
  }

  closed(): void {
    const events = this.#events
    this.#letGoOfEvents()
    // what a socket holds that outlives the connection is in memory until `whenGone`
    if (!this.lingers) this.#backlog?.keep(0)
    events?.disconnected()
  }
}

/** Engine.IO's methods as they are now: they may be replaced for all connections at any time. */
function inheritedOf(conn: EngineSocket): EngineSocket {
  return Object.getPrototypeOf(conn)
}

// One function for all connections, so that an idle one costs no closure.

const kLink = Symbol('spillway.link')

interface LinkedSocket extends EngineSocket {
  [kLink]?: EngineLink | undefined
}

/** Engine.IO's default. */
const UPGRADE_TIMEOUT: Millis = 10_000

/** The protocol in which the server sends heartbeats, and a client answers them. */
const ANSWERS_HEARTBEATS = 4

/**
 * Writes under way at most: each takes some hundred bytes, however short it is. What waits in lanes is
 * joined.
 */
const MOST_WRITES = 256
/** Beyond what is handed over here, Engine.IO answers the heartbeats of clients of protocol 3. */
const MOST_REPLIES = 4 * MOST_WRITES

/** In place of Engine.IO's `flush` while a batch is written. */
const heldBack = new Override<LinkedSocket, 'flush'>('flush', function (this: LinkedSocket) {
  if (!this[kLink]?.batching) Reflect.apply(heldBack.original(this), this, [])
})

function onDrain(this: LinkedSocket): void {
  this[kLink]?.drained()
}

function onUpgrade(this: LinkedSocket): void {
  this[kLink]?.upgraded()
}

function onHeartbeat(this: LinkedSocket): void {
  this[kLink]?.heartbeat()
}

function onClose(this: LinkedSocket): void {
  this[kLink]?.closed()
}
