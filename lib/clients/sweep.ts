import { Fifo } from '../base/fifo.ts'
import type { Limits } from '../base/limits.ts'
import { timers } from '../base/timers.ts'
import type { Bytes, Millis } from '../base/units.ts'
import type { Channel } from '../channel/channel.ts'
import type { Budget } from './budget.ts'
import type { Census } from './census.ts'
import { type Holder, leastDeserving } from './relief.ts'

/** The clients, as the sweep sees them. */
export interface SweepHost {
  readonly size: number
  readonly watched: ReadonlySet<Channel>
  /** The limits as they are configured. */
  readonly configured: Limits
  readonly budget: Budget
  readonly census: Census
  now(): Millis
  /** Connections that are gone, for which memory is held nevertheless. */
  readonly lingering: { free(): Bytes }
  /** A client was looked at. */
  inspected(channel: Channel, now: Millis): void
}

/** Inspects all watched clients periodically, and closes those that have to be closed. */
export class Sweep {
  readonly #host: SweepHost
  #timer: NodeJS.Timeout | undefined
  /** Clients that this lap has still to inspect, from last to first. */
  #lap: Channel[] = []
  /** Clients to be closed, if a second look a little later agrees. */
  readonly #suspects = new Fifo<{ readonly channel: Channel; readonly since: Millis }>()
  /** Clients with more than `watermarks.emergency` buffered. */
  readonly #excessive = new Set<Channel>()

  constructor(host: SweepHost) {
    this.#host = host
  }

  /** Looks after the clients from now on, until `close`. */
  start(): void {
    const interval = intervalOf(this.#host.configured.stallAfter)
    const shares = Math.min(MOST_SHARES, Math.ceil(interval / LEAST_INTERVAL))
    this.#timer = timers.setInterval(() => this.#inspect(shares), interval / shares).unref()
  }

  close(): void {
    timers.clearInterval(this.#timer)
    this.#excessive.clear()
  }

  get sizes() {
    return { excessive: this.#excessive.size, lap: this.#lap.length + this.#suspects.length }
  }

  /** Inspects a client in each share of the lap, as long as it has more than `emergency` buffered. */
  lookClosely(channel: Channel): void {
    this.#excessive.add(channel)
  }

  forget(channel: Channel): void {
    this.#excessive.delete(channel)
  }

  /** Closes clients to get below the byte budget, but not those that are exempt. */
  relieve(now: Millis): void {
    const { budget, configured, watched } = this.#host
    if (budget.excess > 0 && configured.mode === 'enforce') {
      const holders: Array<Holder & { readonly channel: Channel }> = []
      for (const channel of watched) {
        const { exempt, held, delivery } = channel
        if (exempt || held === 0) continue
        const stuckFor = delivery.isExcused(now) ? 0 : now - delivery.progressAt
        holders.push({ channel, held, stuckFor })
      }
      const excess = budget.excess - this.#host.lingering.free()
      for (const { channel } of leastDeserving(holders, excess)) channel.terminate('budget')
    }
    budget.relieved()
  }

  /**
   * Looks at a share of the watched clients, from where it left off. Those who come meanwhile have
   * their turn in the next lap: otherwise a few who come and go all the time would make it endless.
   */
  #inspect(shares: number): void {
    const { watched, census, size, configured } = this.#host
    if (this.#lap.length === 0 || watched.size === 0) this.#lap = [...watched]
    const now = this.#host.now()
    this.relieve(now)
    census.count(size, shares, now)
    this.#judge(now)
    for (const channel of this.#excessive) {
      if (channel.buffered <= configured.emergency) this.#excessive.delete(channel)
      else this.#look(channel, now)
    }
    for (let left = Math.ceil(watched.size / shares); left > 0; ) {
      const channel = this.#lap.pop()
      if (!channel) return
      // those that are gone are no part of the share: thousands of them would make the lap endless
      if (!watched.has(channel)) continue
      left--
      this.#look(channel, now)
      this.#host.inspected(channel, now)
    }
  }

  #look(channel: Channel, now: Millis): void {
    if (channel.inspect(now) !== undefined) this.#suspects.push({ channel, since: now })
  }

  /**
   * Closes those that were to be closed a while ago and still are. Timers precede what has arrived:
   * after the process has stood still, the answer of a client may be about to be read.
   */
  #judge(now: Millis): void {
    for (let first = this.#suspects.peek(); first && now - first.since >= RECONSIDERED; ) {
      const { channel } = first
      const code = this.#host.watched.has(channel) ? channel.inspect(now) : undefined
      if (code !== undefined) channel.terminate(code)
      this.#suspects.shift()
      first = this.#suspects.peek()
    }
  }
}

/** Often enough to be late by no more than a quarter of `stallAfter`. */
function intervalOf(stallAfter: Millis): Millis {
  return Math.min(1000, Math.max(LEAST_INTERVAL, stallAfter / 4))
}

const LEAST_INTERVAL: Millis = 25
/** Enough for the loop to read what has arrived, and for a poll, which is a connection of its own. */
const RECONSIDERED: Millis = 100
/** With thousands of clients, all of them at once would hold the event loop. */
const MOST_SHARES = 10
