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
 * HTTP long polling: what a response carried was received when the client polls again, if the kernel
 * has taken all of it. A poll on another connection proves nothing of what nobody can have read yet.
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
  /** The answer that the next poll is. */
  #sequence: number | undefined
  /** How long the event loop had been busy when the response was written. */
  #busyBefore: Millis = 0
  readonly #responses = new OpenResponses()
  /** A poll has come that proved nothing, since not all responses were taken. */
  #isUnproven = false
  /** A response of this node has begun since the write buffer was last flushed. */
  #responding = false
  #elsewhere = false

  constructor(conn: EngineSocket, transport: PollingTransport, events: GaugeEvents) {
    this.#conn = conn
    this.#transport = transport
    this.#events = events
    this.#readyEvent = readyEventOf(transport)
    // before Engine.IO, which answers this poll with what waits
    transport.prependListener(this.#readyEvent, this.#onPoll)
    transport.on(this.#readyEvent, this.#onReady)
    transport.on('headers', this.#onHeaders)
    note(transport, kGauge, this)
    closing.install(transport)
  }

  measures(transport: EngineTransport): boolean {
    return transport === this.#transport && this.#conn.upgraded !== true
  }

  /** It was flushed without a response, or can take more though nobody has polled. */
  get elsewhere(): boolean {
    const isPolled = this.held > 0 && this.#transport.writable
    return this.#elsewhere || (isPolled && !this.#isUnproven)
  }

  /** What is written before the next poll leaves with the close. */
  get ending(): Ending | undefined {
    return this.#transport.readyState === 'closing' ? 'last' : undefined
  }

  /** While a poll is pending of a client that has read what the polls before were answered with. */
  get gathers(): boolean {
    return this.#transport.writable && !this.#isUnproven
  }

  get lingers(): boolean {
    return !this.#responses.areTaken
  }

  flushed(bytes: Bytes, behind: Bytes): void {
    // before Engine.IO 6.6 the head of a response follows its compression
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
    // one that is discarded has a successor
    if (this.#transport.discarded !== true) this.#events.closes()
  }

  terminate(): void {
    this.#responses.destroy()
    discard(this.#conn)
  }

  /** Between two polls there is nobody to tell. */
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
    // whoever says so without having read them has lied
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
    // a poll takes several turns of the loop: its response is compressed, its connection accepted
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
