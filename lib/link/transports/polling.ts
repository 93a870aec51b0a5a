import type { IncomingMessage } from 'node:http'
import type { Bytes, Millis } from '../../base/units.ts'
import {
  discard,
  type EngineSocket,
  type EngineTransport,
  readyEventOf,
} from '../../socketio/engine.ts'
import { note, Override } from '../../socketio/override.ts'
import type { Ending } from '../link.ts'
import { OpenResponses, type PollResponse } from './poll-responses.ts'
import type { GaugeEvents, TransportGauge } from './transport.ts'

const kGauge = Symbol('spillway.gauge')

interface PollingTransport extends EngineTransport {
  [kGauge]?: PollingGauge
  /** Private to Engine.IO: ends a close that waits for the next poll, for up to half a minute. */
  readonly shouldClose?: (() => void) | null
  /** Private to Engine.IO: the response to the poll that is pending, or being answered. */
  readonly res?: PollResponse | null
}

/**
 * HTTP long polling. The next poll proves that the client has received a response, if the kernel had
 * taken the response whole: a client may poll on a second connection without having read the first.
 */
export class PollingGauge implements TransportGauge {
  readonly name = 'polling'
  readonly writer = undefined
  readonly proof = 'itself'
  readonly underWay = 0
  readonly heard = 0
  held: Bytes = 0
  readonly #conn: EngineSocket
  readonly #transport: PollingTransport
  readonly #events: GaugeEvents
  readonly #readyEvent: 'ready' | 'drain'
  /** Sequence number of the delivery that the next poll proves. */
  #sequence: number | undefined
  /** Busy time of the event loop when the response was written. */
  #busyBefore: Millis = 0
  readonly #responses = new OpenResponses()
  /** The latest poll proved nothing: the kernel had not taken all responses. */
  #isUnproven = false
  /** This node has begun a response since Engine.IO last flushed its write buffer. */
  #responding = false
  #elsewhere = false

  constructor(conn: EngineSocket, transport: PollingTransport, events: GaugeEvents) {
    this.#conn = conn
    this.#transport = transport
    this.#events = events
    this.#readyEvent = readyEventOf(transport)
    // before Engine.IO, whose listener answers the poll with what waits
    transport.prependListener(this.#readyEvent, this.#onPoll)
    transport.on(this.#readyEvent, this.#onReady)
    transport.on('headers', this.#onHeaders)
    note(transport, kGauge, this)
    closing.install(transport)
  }

  measures(transport: EngineTransport): boolean {
    return transport === this.#transport && this.#conn.upgraded !== true
  }

  /** Engine.IO has flushed without a response, or the transport is writable without a poll. */
  get elsewhere(): boolean {
    const isPolled = this.held > 0 && this.#transport.writable
    return this.#elsewhere || (isPolled && !this.#isUnproven)
  }

  /** The next poll is answered with the close, and with what is written until then. */
  get ending(): Ending | undefined {
    return this.#transport.readyState === 'closing' ? 'last' : undefined
  }

  /** A poll is pending, and the client has read all responses before. */
  get gathers(): boolean {
    return this.#transport.writable && !this.#isUnproven
  }

  get lingers(): boolean {
    return !this.#responses.areTaken
  }

  flushed(bytes: Bytes, behind: Bytes): void {
    // before Engine.IO 6.6 the event `headers` comes after the compression of a response
    this.#elsewhere = !this.#responding && !this.#transport.res
    this.#responding = false
    if (this.#elsewhere) return
    this.#follow()
    this.held += bytes
    this.#sequence = this.#events.responded(behind)
    this.#busyBefore = this.#events.host.busyTime
  }

  mark(): void {}

  closes(): void {
    // a transport that is discarded has a successor
    if (this.#transport.discarded !== true) this.#events.closes()
  }

  terminate(): void {
    this.#responses.destroy()
    discard(this.#conn)
  }

  /** Between two polls the client can't be told. */
  end(close: () => void): boolean {
    if (!this.#transport.writable) return false
    close()
    return true
  }

  whenGone(callback: () => void): void {
    this.#responses.whenTaken(callback)
  }

  look(): void {
    if (this.#isUnproven && this.#responses.areTaken) this.#received()
  }

  detach(received: boolean): void {
    this.#transport.off(this.#readyEvent, this.#onPoll)
    this.#transport.off(this.#readyEvent, this.#onReady)
    this.#transport.off('headers', this.#onHeaders)
    Reflect.deleteProperty(this.#transport, kGauge)
    closing.restore(this.#transport)
    this.#responses.release()
    if (!received) return
    // a client that upgrades without having read its responses never will
    this.#responses.destroy()
    this.#received()
  }

  readonly #onPoll = (): void => {
    this.#responding = false
    this.#isUnproven = !this.#responses.areTaken
    if (!this.#isUnproven) this.#received()
  }

  readonly #onReady = (): void => {
    this.#events.ready()
  }

  readonly #onHeaders = (_headers: unknown, request: IncomingMessage | null | undefined): void => {
    if (request?.method !== 'GET') return
    this.#responding = true
    this.#follow()
  }

  #follow(): void {
    const { res } = this.#transport
    if (typeof res?.writableFinished === 'boolean') this.#responses.add(res)
  }

  #received(): void {
    this.held = 0
    this.#isUnproven = false
    const sequence = this.#sequence
    this.#sequence = undefined
    if (sequence === undefined) return
    // a poll takes several turns of the event loop: accepting it, compressing its response
    this.#events.answered(sequence, this.#events.host.busyTime - this.#busyBefore)
  }
}

const closing = new Override<PollingTransport, 'close'>(
  'close',
  function (this: PollingTransport, ...args: unknown[]): void {
    this[kGauge]?.closes()
    Reflect.apply(closing.original(this), this, args)
  },
)
