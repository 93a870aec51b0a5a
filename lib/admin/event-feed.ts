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
/** Proxies close what is silent for a minute or less. */
const KEEP_ALIVE_INTERVAL: Millis = 15_000
/** For readers to take what they were told last, before a server that closes cuts them off. */
const LAST_WAIT: Millis = 500
/** Between two questions whether a reader may still read: within a minute it is asked. */
const ASK_INTERVAL: Millis = 45_000

/** @returns whether a reader may still read */
export type IsAllowed = () => Promise<boolean>

interface Asked {
  readonly isAllowed: IsAllowed
  at: Millis
}

/** What happens, as server-sent events, to readers that may be slow themselves. */
export class EventFeed {
  readonly #spillway: Spillway
  readonly #clock: Clock
  readonly #places = new EventPlaces()
  readonly #asked = new Map<EventReader, Asked>()
  readonly #listeners: Array<() => void> = []
  readonly #timers: NodeJS.Timeout[] = []
  readonly #shedDeltas = new ShedDeltas()
  #open = true

  constructor(spillway: Spillway, clock: Clock = systemClock) {
    this.#spillway = spillway
    this.#clock = clock
  }

  /**
   * Takes one more reader; if there are too many, another gives way.
   *
   * @param response that the stream goes to
   * @param isAllowed asks again whether it may read
   * @returns its stream, or why it can't have one
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
    this.#asked.set(reader, { isAllowed, at: now })
    reader.stream.once('close', () => this.#forget(reader))
    return reader.stream
  }

  /**
   * Ends all streams, for which a server that closes would wait, when what has happened so far is
   * told; who does not take it in time is cut off.
   */
  close(): void {
    this.#open = false
    const readers = [...this.#places]
    // listeners are told of an event in a turn of its own
    timers.setImmediate(() => {
      for (const reader of readers) this.#end(reader)
    })
  }

  /** Ends a stream when what has happened so far is told; who does not take it in time is cut off. */
  #end(reader: EventReader): void {
    this.#forget(reader)
    reader.end()
    timers.setTimeout(() => reader.response.destroy(), LAST_WAIT).unref()
  }

  #forget(reader: EventReader): void {
    this.#places.delete(reader)
    this.#asked.delete(reader)
    if (this.#places.size === 0) this.#stop()
  }

  #start(): void {
    this.#relay('congested', (client) => ({ client }))
    this.#relay('recovered', (client, summary) => ({ client, summary }))
    this.#relay('closed', (client) => client)
    this.#relay('policy', ({ to }) => to)
    // what was shed while nobody read is not told
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
    for (const [reader, asked] of this.#asked) {
      if (now - asked.at >= ASK_INTERVAL) void this.#askAgain(reader, asked, now)
    }
  }

  /** A token may have been revoked since the stream was opened. */
  async #askAgain(reader: EventReader, asked: Asked, now: Millis): Promise<void> {
    asked.at = now
    const isAllowed = await asked.isAllowed().catch(() => true)
    if (!isAllowed && this.#asked.has(reader)) this.#end(reader)
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
