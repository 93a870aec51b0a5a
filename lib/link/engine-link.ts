import { timers } from '../base/timers.ts'
import type { Bytes, Millis } from '../base/units.ts'
import { type EngineSocket, kernelSocketOf } from '../socketio/engine.ts'
import { type ConnectionListener, listenTo, stopListening, tellDrained } from './engine-events.ts'
import { Handover, inheritedOf } from './handover.ts'
import type { Ending, Link, LinkEvents, LinkHost } from './link.ts'
import type { TransportGauge } from './transports/transport.ts'
import { elsewhere, gaugeFor } from './transports/transport-for.ts'

/** Engine.IO's default. */
const UPGRADE_TIMEOUT: Millis = 10_000

/** The protocol in which the server sends heartbeats, and a client answers them. */
const ANSWERS_HEARTBEATS = 4

/** An Engine.IO connection, over whatever transport it has now. */
export class EngineLink extends Handover implements Link, ConnectionListener {
  /** What somebody has put in the place of Engine.IO's own. */
  readonly #ownClose: EngineSocket['close'] | undefined
  #events: LinkEvents | undefined
  /** Engine.IO tells of a new transport, and has not finished with it. */
  #switching = false

  /** @param conn with its own `write` and `close`, which the tap is to shadow */
  constructor(conn: EngineSocket, host: LinkHost) {
    super(conn, host)
    if (Object.hasOwn(conn, 'close')) this.#ownClose = conn.close
    listenTo(conn, this)
    this.countEarlier()
  }

  /** Who is told from now on. */
  listen(events: LinkEvents): void {
    this.#events = events
  }

  get transport(): string {
    return this.gauge.name
  }

  get proof(): 'markers' | 'itself' | 'none' {
    return this.gauge.proof
  }

  get heard(): Bytes {
    return this.gauge.heard
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

  get ending(): Ending | undefined {
    return this.gauge.ending
  }

  writeLast(writes: () => void): void {
    this.batch(writes)
    this.flush()
    const { conn } = this
    if (conn.writeBuffer?.length === 0) return
    // a WebSocket takes more than one batch at a time; otherwise the next poll takes it with the close
    if (this.gauge.name === 'websocket') conn.transport.writable = true
    conn.flush?.()
  }

  emptied(): void {
    this.host.emptied(this)
  }

  tellDrained(): void {
    if (this.pending === 0) tellDrained(this.conn, this.followsDrain)
  }

  progressed(): Bytes {
    this.gauge.look()
    if (this.gauge.elsewhere) this.#measureNoMore()
    return this.countTaken()
  }

  close(discard?: boolean): void {
    this.flush()
    // a listener may close the connection in the middle of a batch
    this.releaseFlush()
    // Engine.IO would close the new transport at once, without what it has not been given yet
    if (this.#switching && !discard) timers.nextTick(() => this.close())
    else this.#closeConnection(discard)
  }

  terminate(): void {
    this.gauge.terminate()
    this.host.strays.endOf(this.conn.id)
  }

  end(): boolean {
    this.flush()
    return this.gauge.end(() => this.#closeConnection())
  }

  #closeConnection(discard?: boolean): void {
    const close = this.#ownClose ?? inheritedOf(this.conn).close
    close.call(this.conn, discard)
  }

  /** Whether its kernel socket is still open, though the connection is gone. */
  get lingers(): boolean {
    return this.gauge.lingers
  }

  /** Calls back when the kernel socket of a connection that lingers is closed. */
  whenGone(callback: () => void): void {
    this.gauge.whenGone(() => {
      this.backlog?.keep(0)
      callback()
    })
  }

  /** Writes what it keeps, takes its listeners off the connection, and counts nothing any more. */
  detach(): void {
    this.#detachFromConnection()
    this.backlog?.keep(0)
  }

  #detachFromConnection(): void {
    this.flush()
    this.gauge.detach(false)
    this.#events = undefined
    stopListening(this.conn)
    this.followsDrain = false
  }

  /** The transport can take more. */
  ready(): void {
    this.forgetTaken()
    if (this.#events?.active) this.#events.pump(this.host.now())
  }

  /** The application closes the transport. */
  closes(): void {
    // of a connection that is gone Engine.IO closes the transport
    if (this.conn.readyState !== 'closed') this.#events?.closes(this.host.now())
  }

  responded(behind: Bytes): number {
    return this.#events?.responded(behind, this.host.now()) ?? 0
  }

  answered(sequence: number, waited?: Millis): void {
    this.forgetTaken()
    this.#events?.answered(sequence, this.host.now(), waited)
  }

  drained(): void {
    const behind = this.countFlushed()
    if (!this.gauge.elsewhere) return
    this.#measureNoMore()
    // no event tells when another node can take more; in the middle of a message nothing may follow
    if (behind === 0) this.ready()
  }

  /** The event's argument is not used: cluster-engine tells of upgrades elsewhere, and has none. */
  upgraded(): void {
    const { conn } = this
    this.host.strays.claim(conn.id, kernelSocketOf(conn.transport))
    if (this.gauge.measures(conn.transport)) return
    // Engine.IO is about to flush its write buffer to the new one
    this.leaveKept()
    this.#switching = true
    timers.nextTick(() => {
      this.#switching = false
    })
    this.#measure(gaugeFor(conn, conn.transport, this), true)
    this.ready()
  }

  #measureNoMore(): void {
    if (this.gauge.proof === 'none') return
    this.#measure(elsewhere(this.conn, this.conn.transport, this), false)
  }

  /** @param received whether the client has all that went by the gauge before */
  #measure(gauge: TransportGauge, received: boolean): void {
    const before = this.gauge
    // first the new one, since what `before` tells leads to writes
    this.gauge = gauge
    before.detach(received)
    this.#events?.upgraded()
  }

  heartbeat(): void {
    this.forgetTaken()
    this.#events?.heartbeat(this.conn.protocol === ANSWERS_HEARTBEATS, this.host.now())
  }

  closed(): void {
    const events = this.#events
    this.#detachFromConnection()
    // what a socket holds that outlives the connection is in memory until `whenGone`
    if (!this.lingers) this.backlog?.keep(0)
    events?.disconnected()
  }
}
