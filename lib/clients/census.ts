import { Histogram } from '../base/histogram.ts'
import { SEND_STATES, type SendState } from '../base/outcomes.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import { BUFFERED_BUCKETS } from '../telemetry/meters.ts'

interface Sum {
  messages: number
  bytes: Bytes
}

/** Figures of all clients, as counted in one lap. */
export class Counts {
  readonly states = Object.fromEntries(SEND_STATES.map((state) => [state, 0])) as Record<
    SendState,
    number
  >
  blind = 0
  /** Number of clients with messages queued. */
  queueing = 0
  stalling = 0
  losing = 0
  inFlight: Bytes = 0
  readonly queued: { readonly critical: Sum; readonly cosmetic: Sum } = {
    critical: { messages: 0, bytes: 0 },
    cosmetic: { messages: 0, bytes: 0 },
  }
  /** Clients by the bytes buffered for them. */
  readonly buffered = new Histogram(BUFFERED_BUCKETS)
  endedAt: Millis | undefined

  add(channel: Channel, now: Millis): void {
    this.states[channel.state(now)]++
    const { blind, inFlight } = channel.window
    if (blind) this.blind++
    else this.inFlight += inFlight
    if (channel.queued > 0) this.queueing++
    if (channel.isStalling(now)) this.stalling++
    if (channel.isLosing(now)) this.losing++
    for (const name of ['critical', 'cosmetic'] as const) {
      this.queued[name].messages += channel[name].messages
      this.queued[name].bytes += channel[name].bytes
    }
    this.buffered.record(channel.buffered)
  }
}

/**
 * Counts clients by their state now. O(clients), but one property is read of a client with nothing
 * queued or in flight, which is ready unless it is blind.
 *
 * @param watched clients with anything queued or in flight
 */
export function countStates(
  all: Iterable<Channel>,
  watched: ReadonlySet<Channel>,
  now: Millis,
): Counts['states'] {
  const { states } = new Counts()
  let idle = 0
  let idleBlind = 0
  for (const { window } of all) {
    idle++
    if (window.blind) idleBlind++
  }
  for (const channel of watched) {
    states[channel.state(now)]++
    idle--
    if (channel.window.blind) idleBlind--
  }
  states.blind += idleBlind
  states.ready += idle - idleBlind
  return states
}

/**
 * Counts all clients, a share in each call, so that no scrape of the metrics walks over thousands of
 * clients in one turn of the event loop. The result is up to one lap old.
 */
export class Census {
  /** Result of the latest complete lap; all zero before the first. */
  latest = new Counts()
  readonly #channels: () => Iterator<Channel>
  #counting = new Counts()
  #lap: Iterator<Channel> | undefined
  /** Clients of this lap. Clients that connect meanwhile belong to the next lap, or this one might not end. */
  #left = 0

  constructor(channels: () => Iterator<Channel>) {
    this.#channels = channels
  }

  /**
   * @param size number of clients
   * @param shares number of calls in which a lap ends
   */
  count(size: number, shares: number, now: Millis): void {
    this.#lap ??= this.#begin(size)
    for (let share = Math.ceil(size / shares); share > 0 && this.#left > 0; share--) {
      const { done, value } = this.#lap.next()
      this.#left = done ? 0 : this.#left - 1
      if (!done) this.#counting.add(value, now)
    }
    if (this.#left > 0) return
    this.#lap = undefined
    this.#counting.endedAt = now
    this.latest = this.#counting
    this.#counting = new Counts()
  }

  /** Forgets the clients. */
  close(): void {
    this.#lap = undefined
    this.#left = 0
  }

  #begin(size: number): Iterator<Channel> {
    this.#left = size
    return this.#channels()
  }
}
