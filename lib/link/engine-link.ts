import type { Envelope } from '../envelope.ts'
import type { Bytes } from '../units.ts'
import type { EngineSocket, EngineTransport, EngineWrite } from './engine.ts'
import { gaugeFor, type TransportGauge } from './gauge.ts'
import { HANDOVER, type Link } from './link.ts'

/** An Engine.IO connection, over whatever transport it has now. */
export class EngineLink implements Link {
  readonly #conn: EngineSocket
  readonly #write: EngineWrite
  readonly #close: (discard?: boolean) => void
  readonly #handover: () => Bytes
  readonly #onReady: () => void
  #gauge: TransportGauge
  /** Bytes in `conn.writeBuffer`, which Engine.IO empties as a whole. */
  #waiting: Bytes = 0
  #handedOver: Bytes = 0
  #taken: Bytes = 0
  #underWay: Bytes = 0

  /**
   * @param write Engine.IO's own `write` and `close`, which the tap has shadowed
   * @param handover how much may be handed over at once now
   * @param onReady called when the transport can take more
   */
  constructor(
    conn: EngineSocket,
    write: EngineWrite,
    close: (discard?: boolean) => void,
    handover: () => Bytes,
    onReady: () => void,
  ) {
    this.#conn = conn
    this.#write = write
    this.#close = close
    this.#handover = handover
    this.#onReady = onReady
    this.#gauge = gaugeFor(conn, conn.transport, onReady)
    conn.on('drain', this.#onHandedOver)
    conn.on('upgrade', this.#onUpgrade)
  }

  get transport(): string {
    return this.#gauge.name
  }

  get outstanding(): Bytes {
    return this.#waiting + this.#gauge.held
  }

  /** A message of any size goes when nothing else is outstanding. */
  hasRoom(bytes: Bytes): boolean {
    const { outstanding } = this
    return outstanding === 0 || outstanding + bytes <= Math.min(HANDOVER, this.#handover())
  }

  write(envelope: Envelope): void {
    const { parts, sizes, options, callback } = envelope
    const last = parts.length - 1
    for (let index = 0; index <= last; index++) {
      this.#waiting += sizes[index]!
      this.#handedOver += sizes[index]!
      this.#write.call(this.#conn, parts[index]!, options, index === last ? callback : undefined)
    }
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
    this.#gauge.detach()
    this.#conn.off('drain', this.#onHandedOver)
    this.#conn.off('upgrade', this.#onUpgrade)
  }

  /** Engine.IO's `drain` means that the write buffer went to the transport, nothing more. */
  readonly #onHandedOver = (): void => {
    const bytes = this.#waiting
    this.#waiting = 0
    this.#gauge.flushed(bytes)
  }

  /** A client upgrades after it has read its last poll, so all that polling held was taken. */
  readonly #onUpgrade = (transport: EngineTransport): void => {
    this.#gauge.detach()
    this.#gauge = gaugeFor(this.#conn, transport, this.#onReady)
    this.#onReady()
  }
}
