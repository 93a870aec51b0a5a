import type { Readable } from 'node:stream'
import { type Clock, systemClock } from '../base/clock.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'
import type { Spillway } from '../spillway.ts'
import type { SpillwayEvents } from '../telemetry/reporter.ts'
import { EventPlaces } from './event-places.ts'
import { EventReader, type EventResponse, frameOf } from './event-reader.ts'
import { ShedDeltas } from './shed-deltas.ts'

const SHED_INTERVAL: Millis = 1000
/** Shorter than the idle timeouts of proxies, often a minute. */
const KEEP_ALIVE_INTERVAL: Millis = 15_000
/** Time for readers to receive the last events before their connection is destroyed. */
const LAST_WAIT: Millis = 500
/** Time between two authorization checks of a reader; with the feed's timer less than a minute. */
const CHECK_INTERVAL: Millis = 45_000

/** @returns whether the auth hooks still let a reader pass */
export type IsAllowed = () => Promise<boolean>

interface Check {
  readonly isAllowed: IsAllowed
  at: Millis
}

/** Streams the Spillway's events to readers as server-sent events. Slow readers miss events. */
export class EventFeed {
  readonly #spillway: Spillway
  readonly #clock: Clock
  readonly #places = new EventPlaces()
  readonly #checks = new Map<EventReader, Check>()
  readonly #listeners: Array<() => void> = []
  readonly #timers: NodeJS.Timeout[] = []
  readonly #shedDeltas = new ShedDeltas()
  #open = true

  constructor(spillway: Spillway, clock: Clock = systemClock) {
    this.#spillway = spillway
    this.#clock = clock
  }

  /**
   * Adds a reader. If all places are taken, another reader may be disconnected.
   *
   * @param response destination of the stream
   * @param isAllowed checks the reader's authorization again
   * @returns the stream, or the reason for a 503
   */
  open(response: EventResponse, address: string, isAllowed: IsAllowed): Readable | string {
    if (!this.#open) return 'the server is being shut down'
    const now = this.#clock.now()
    if (this.#places.full) {
      const displaced = this.#places.displaced(now)
      if (!displaced) return 'too many readers of events; close one of them'
      this.#end(displaced)
    }
    if (this.#places.size === 0) this.#start()
    const reader = new EventReader(response, address, now)
    this.#places.add(reader)
    this.#checks.set(reader, { isAllowed, at: now })
    reader.stream.once('close', () => this.#forget(reader))
    return reader.stream
  }

  /**
   * Ends all streams after the events so far, since open responses would delay the closing of the
   * server. Destroys the connections of readers that don't receive them in time.
   */
  close(): void {
    this.#open = false
    const readers = [...this.#places]
    // events are emitted in a later turn of the event loop, so the latest may still be due
    timers.setImmediate(() => {
      for (const reader of readers) this.#end(reader)
    })
  }

  /** Ends a stream after the events so far, and destroys its connection after `LAST_WAIT`. */
  #end(reader: EventReader): void {
    this.#forget(reader)
    reader.end()
    timers.setTimeout(() => reader.response.destroy(), LAST_WAIT).unref()
  }

  #forget(reader: EventReader): void {
    this.#places.delete(reader)
    this.#checks.delete(reader)
    if (this.#places.size === 0) this.#stop()
  }

  #start(): void {
    this.#relay('congested', (client) => ({ client }))
    this.#relay('recovered', (client, summary) => ({ client, summary }))
    this.#relay('closed', (client) => client)
    this.#relay('policy', ({ to }) => to)
    // sets the baseline: messages shed before the first reader came are not reported
    this.#shedDeltas.since(this.#spillway.readings.rules())
    this.#timers.push(
      timers.setInterval(() => this.#everySecond(), SHED_INTERVAL).unref(),
      timers.setInterval(() => this.#send(': keep-alive\n\n'), KEEP_ALIVE_INTERVAL).unref(),
    )
  }

  #stop(): void {
    for (const off of this.#listeners.splice(0)) off()
    for (const timer of this.#timers.splice(0)) timers.clearInterval(timer)
  }

  #relay<E extends keyof SpillwayEvents>(
    event: E,
    dataOf: (...args: SpillwayEvents[E]) => object,
  ): void {
    const { events } = this.#spillway
    const listener = (...args: SpillwayEvents[E]): void => this.#tell(event, dataOf(...args))
    events.on(event, listener as never)
    this.#listeners.push(() => events.off(event, listener as never))
  }

  #everySecond(): void {
    this.#tellShed()
    const now = this.#clock.now()
    for (const { response } of this.#places.dead(now)) response.destroy()
    for (const [reader, check] of this.#checks) {
      if (now - check.at >= CHECK_INTERVAL) void this.#checkAgain(reader, check, now)
    }
  }

  /** Checks a reader's authorization again, since its token may have been revoked meanwhile. */
  async #checkAgain(reader: EventReader, check: Check, now: Millis): Promise<void> {
    check.at = now
    const isAllowed = await check.isAllowed().catch(() => true)
    if (!isAllowed && this.#checks.has(reader)) this.#end(reader)
  }

  #tellShed(): void {
    const events = this.#shedDeltas.since(this.#spillway.readings.rules())
    if (events.length > 0) this.#tell('shed', { seconds: SHED_INTERVAL / 1000, events })
  }

  #tell(event: string, data: object): void {
    this.#send(frameOf(event, data))
  }

  #send(frame: string): void {
    for (const reader of this.#places) reader.send(frame)
  }
}
