import { Histogram } from '../base/histogram.ts'
import { SEND_STATES, type SendState } from '../base/outcomes.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import { BUFFERED_BUCKETS } from '../telemetry/meters.ts'

interface Sum {
  messages: number
  bytes: Bytes
}

/** All clients, counted in one lap. */
export class Counts {
  readonly states = Object.fromEntries(SEND_STATES.map((state) => [state, 0])) as Record<
    SendState,
    number
  >
  blind = 0
  /** Clients that something is queued for. */
  queueing = 0
  stalling = 0
  losing = 0
  inFlight: Bytes = 0
  readonly queued: { readonly critical: Sum; readonly cosmetic: Sum } = {
    critical: { messages: 0, bytes: 0 },
    cosmetic: { messages: 0, bytes: 0 },
  }
  /** Clients by what is buffered for them. */
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
 * Clients by state, as they are now. O(clients), but of one for which nothing is queued or in flight,
 * which is ready unless it is blind, one property is read.
 *
 * @param watched those of all for which anything is
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
 * Counts all clients, a share of them at a time, so that no scrape walks over thousands of them
 * in one turn of the loop. What it tells is a lap old.
 */
export class Census {
  /** Of the latest lap that has ended; all zero before the first. */
  latest = new Counts()
  readonly #channels: () => Iterator<Channel>
  #counting = new Counts()
  #lap: Iterator<Channel> | undefined
  /** Of this lap: those who come meanwhile have their turn in the next one, or it might not end. */
  #left = 0

  constructor(channels: () => Iterator<Channel>) {
    this.#channels = channels
  }

  /**
   * @param size how many clients there are
   * @param shares in how many calls a lap is to end
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

  /** Lets go of the clients. */
  close(): void {
    this.#lap = undefined
    this.#left = 0
  }

  #begin(size: number): Iterator<Channel> {
    this.#left = size
    return this.#channels()
  }
}
