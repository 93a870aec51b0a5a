import type { Envelope } from '../envelope.ts'
import type { Bytes, Millis } from '../units.ts'
import type { EngineSocket, EngineTransport, EngineWrite } from './engine.ts'
import { gaugeFor, type TransportGauge } from './gauge.ts'
import { HANDOVER, type Link, type LinkEvents } from './link.ts'

/** An Engine.IO connection, over whatever transport it has now. */
export class EngineLink implements Link {
  /** Bytes in `conn.writeBuffer`, which Engine.IO empties as a whole. */
  waiting: Bytes = 0
  readonly #conn: EngineSocket
  readonly #write: EngineWrite
  readonly #close: (discard?: boolean) => void
  readonly #handover: () => Bytes
  readonly #events: LinkEvents
  #gauge: TransportGauge
  /** Of a message that is being written, the bytes of the parts still to come. */
  #unwritten: Bytes = 0
  #handedOver: Bytes = 0
  #taken: Bytes = 0
  #underWay: Bytes = 0

  /**
   * @param write Engine.IO's own `write` and `close`, which the tap has shadowed
   * @param handover how much may be handed over at once now
   */
  constructor(
    conn: EngineSocket,
    write: EngineWrite,
    close: (discard?: boolean) => void,
    handover: () => Bytes,
    events: LinkEvents,
  ) {
    this.#conn = conn
    this.#write = write
    this.#close = close
    this.#handover = handover
    this.#events = events
    this.#gauge = gaugeFor(conn, conn.transport, events)
    conn.on('drain', this.#onHandedOver)
    conn.on('upgrade', this.#onUpgrade)
    conn.on('heartbeat', this.#onHeartbeat)
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
    return this.#conn.server?.opts?.pingInterval ?? Number.POSITIVE_INFINITY
  }

  get upgrading(): boolean {
    return this.#conn.upgrading === true
  }

  get outstanding(): Bytes {
    return this.waiting + this.#gauge.held
  }

  /** A message of any size goes when nothing else is outstanding. */
  hasRoom(bytes: Bytes): boolean {
    const { outstanding } = this
    return outstanding === 0 || outstanding + bytes <= Math.min(HANDOVER, this.#handover())
  }

  write(envelope: Envelope): void {
    const { parts, sizes, options, callback } = envelope
    this.waiting += envelope.bytes
    this.#handedOver += envelope.bytes
    this.#unwritten += envelope.bytes
    const last = parts.length - 1
    for (let index = 0; index <= last; index++) {
      this.#unwritten -= sizes[index]!
      this.#write.call(this.#conn, parts[index]!, options, index === last ? callback : undefined)
    }
  }

  mark(sequence: number): void {
    this.#gauge.mark(sequence)
  }

  /** Holds Engine.IO's flush back: on polling, one response then carries the whole batch. */
  batch(writes: () => void): void {
    const conn = this.#conn
    if (typeof conn.flush !== 'function' || Object.hasOwn(conn, 'flush')) {
      writes()
      return
    }
    conn.flush = () => {}
    try {
      writes()
    } finally {
      Reflect.deleteProperty(conn, 'flush')
      conn.flush()
    }
  }

  progressed(): boolean {
    const taken = this.#handedOver - this.outstanding
    const { underWay } = this.#gauge
    const moved = taken > this.#taken || underWay < this.#underWay
    this.#taken = Math.max(taken, this.#taken)
    this.#underWay = underWay
    return moved
  }

  close(discard?: boolean): void {
    this.#close.call(this.#conn, discard)
  }

  terminate(): void {
    this.#gauge.terminate()
  }

  /** Takes its listeners off the connection. */
  detach(): void {
    this.#gauge.detach(false)
    this.#conn.off('drain', this.#onHandedOver)
    this.#conn.off('upgrade', this.#onUpgrade)
    this.#conn.off('heartbeat', this.#onHeartbeat)
  }

  /** Engine.IO's `drain` means that the write buffer went to the transport, nothing more. */
  readonly #onHandedOver = (): void => {
    const behind = this.#unwritten
    const flushed = this.waiting - behind
    this.waiting = behind
    if (flushed > 0) this.#gauge.flushed(flushed, behind)
  }

  readonly #onUpgrade = (transport: EngineTransport): void => {
    const before = this.#gauge
    // first the new one, since what `before` tells leads to writes
    this.#gauge = gaugeFor(this.#conn, transport, this.#events)
    this.#events.upgraded()
    before.detach(true)
    this.#events.ready()
  }

  readonly #onHeartbeat = (): void => {
    this.#events.heartbeat()
  }
}
