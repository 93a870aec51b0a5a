import type { Envelope } from './envelope.ts'
import { Episode } from './episode.ts'
import { Lane } from './lane.ts'
import type { Link } from './link/link.ts'
import type { ClosingCode, EnforcedClosing, MessageOutcome, ShedOutcome } from './outcomes.ts'
import { Tally } from './stats.ts'
import type { Bytes, Millis } from './units.ts'
import type { DeliveryWindow } from './window.ts'

/** Why a client is not being sent to, if it is not. */
export type SendState = 'ready' | 'windowed' | 'blocked' | 'closed'

/** What became of an offered message. */
export type Verdict = 'sent' | 'queued' | 'conflated' | 'dropped' | 'refused'

/** The limits that all channels share; they may change while the server runs. */
export interface Limits {
  readonly mode: 'enforce' | 'observe'
  readonly low: Bytes
  readonly high: Bytes
  readonly limit: Bytes
  readonly emergency: Bytes
  readonly stallAfter: Millis
  readonly grace: Millis
}

/** What a channel needs from its surroundings. None of these may throw. */
export interface ChannelHost {
  readonly limits: Limits
  /** The channel has something that needs looking after from time to time. */
  watch(channel: Channel): void
  unwatch(channel: Channel): void
  congested(channel: Channel): void
  /** The client has caught up after it was congested or something was shed. */
  recovered(channel: Channel, episode: Episode, now: Millis, wasCongested: boolean): void
}

export interface LastShed {
  readonly event: string
  readonly namespace: string
  readonly outcome: ShedOutcome
  readonly at: Millis
}

/**
 * One client's scheduler. States: open, closing (the application asked for it; what is queued
 * goes first), closed. While open, the direct path (nothing waits, the link has room) writes
 * inside `offer`; everything else goes through the lanes and leaves in `pump`.
 *
 * Invariants: critical messages leave in the order in which they were offered; cosmetic ones too
 * among themselves, and only when no critical one waits.
 */
export class Channel {
  readonly id: string
  readonly link: Link
  readonly window: DeliveryWindow
  readonly connectedAt: Millis
  readonly critical = new Lane()
  readonly cosmetic = new Lane()
  readonly tally = new Tally()
  /** Socket.IO ids of this client by namespace. */
  readonly namespaces = new Map<string, string>()
  /** Above `high`, and not below `low` since. */
  congested = false
  lastShed: LastShed | undefined
  closedBy: ClosingCode | undefined
  progressAt: Millis
  readonly #host: ChannelHost
  /** Set from congestion or the first shed message until the client has caught up. */
  #episode: Episode | undefined
  #closing = false
  #pumping = false
  #watched = false

  constructor(id: string, link: Link, window: DeliveryWindow, host: ChannelHost, now: Millis) {
    this.id = id
    this.link = link
    this.window = window
    this.connectedAt = now
    this.progressAt = now
    this.#host = host
  }

  /** Bytes not known to be delivered. */
  get buffered(): Bytes {
    return this.queued + this.link.outstanding
  }

  get queued(): Bytes {
    return this.critical.bytes + this.cosmetic.bytes
  }

  get state(): SendState {
    if (this.closedBy !== undefined || this.#closing) return 'closed'
    const next = this.critical.peek() ?? this.cosmetic.peek()
    if (!this.link.hasRoom(next?.bytes ?? 0)) return 'blocked'
    if (next && this.critical.empty && !this.window.hasRoom(next.bytes)) return 'windowed'
    return 'ready'
  }

  offer(envelope: Envelope, now: Millis): Verdict {
    if (this.closedBy !== undefined || this.#closing) return 'refused'
    if (this.#host.limits.mode === 'observe') return this.#offerObserved(envelope, now)
    if (envelope.rule.class === 'cosmetic') return this.#offerCosmetic(envelope, now)
    return this.#offerCritical(envelope, now)
  }

  /** Sends what waits, as far as link and window allow it. */
  pump(now: Millis): void {
    if (this.#pumping || this.closedBy !== undefined) return
    if (!this.critical.empty || !this.cosmetic.empty) {
      this.#pumping = true
      try {
        this.link.batch(() => this.#drain(now))
      } finally {
        this.#pumping = false
      }
    }
    if (this.#closing) {
      if (this.critical.empty) this.link.close()
      return
    }
    this.#settle(now)
  }

  /** Looks after the client from time to time: progress, lost drain signals, limits. */
  inspect(now: Millis): EnforcedClosing | undefined {
    if (this.link.progressed() || this.link.outstanding === 0) this.progressAt = now
    this.pump(now)
    if (this.closedBy !== undefined) return undefined
    const { limits } = this.#host
    if (limits.mode === 'observe' && !this.#closing) return undefined
    const stalled = now - this.progressAt >= limits.stallAfter
    if (this.#closing) return stalled ? 'stalled' : undefined
    if (this.buffered <= limits.limit || now - this.connectedAt < limits.grace) return undefined
    return stalled ? 'over-limit' : undefined
  }

  /** Closes after what is queued and critical, as Engine.IO does after its own buffer. */
  close(now: Millis): void {
    if (this.#closing || this.closedBy !== undefined) return
    this.#closing = true
    this.#watch()
    this.pump(now)
  }

  /** Closes at once, with everything that is queued; `closed` follows. */
  terminate(code: EnforcedClosing): void {
    if (this.closedBy !== undefined) return
    this.closedBy = code
    this.link.terminate()
  }

  /** The connection is gone: accounts for what was left, and lets go of it. */
  closed(): { code: ClosingCode | undefined; messages: number; bytes: Bytes } {
    const left = { messages: 0, bytes: 0 }
    for (const lane of [this.critical, this.cosmetic]) {
      for (let envelope = lane.shift(); envelope; envelope = lane.shift()) {
        left.messages++
        left.bytes += envelope.bytes
        this.#count(envelope, 'undelivered')
      }
    }
    if (this.closedBy === undefined && left.messages > 0) this.closedBy = 'gone'
    const code = this.closedBy
    this.#closing = true
    this.congested = false
    this.#episode = undefined
    this.#unwatch()
    return { code, ...left }
  }

  /** Hands everything over at once, as plain Socket.IO would have: the scheduler steps aside. */
  release(): void {
    for (const lane of [this.critical, this.cosmetic]) {
      for (let envelope = lane.shift(); envelope; envelope = lane.shift()) this.#send(envelope)
    }
  }

  #offerCritical(envelope: Envelope, now: Millis): Verdict {
    if (envelope.kind === 'disconnect') this.#promote(envelope.namespace)
    const { bytes } = envelope
    if (this.critical.empty && this.link.hasRoom(bytes)) {
      this.#send(envelope)
      return 'sent'
    }
    if (this.buffered + bytes > this.#host.limits.emergency) {
      this.#count(envelope, 'undelivered')
      this.terminate('emergency')
      return 'refused'
    }
    this.critical.push(envelope)
    this.#watch()
    if (this.buffered > this.#host.limits.high) this.#enterCongestion(now)
    return 'queued'
  }

  #offerCosmetic(envelope: Envelope, now: Millis): Verdict {
    this.#recover(now)
    const replaced = this.cosmetic.conflatable(envelope)
    const growth = envelope.bytes - (replaced?.bytes ?? 0)
    if (this.buffered + growth > this.#host.limits.high) this.#enterCongestion(now)
    if (!this.congested && this.#isClear(envelope.bytes)) {
      this.#send(envelope)
      return 'sent'
    }
    if (this.congested && growth > 0 && !this.#makeRoom(envelope, growth, replaced, now)) {
      this.#shed(envelope, 'dropped', now)
      return 'dropped'
    }
    if (replaced) {
      this.cosmetic.conflate(envelope)
      this.#shed(replaced, 'conflated', now)
      return 'conflated'
    }
    this.cosmetic.push(envelope)
    this.#watch()
    return 'queued'
  }

  /** Counts what `enforce` would have dropped, and sends it. */
  #offerObserved(envelope: Envelope, now: Millis): Verdict {
    this.#recover(now)
    if (this.buffered + envelope.bytes > this.#host.limits.high) this.#enterCongestion(now)
    if (this.congested && envelope.rule.class === 'cosmetic') {
      envelope.rule.tally.countObserved(envelope.bytes)
      this.tally.countObserved(envelope.bytes)
    }
    this.#send(envelope)
    return 'sent'
  }

  #isClear(bytes: Bytes): boolean {
    return (
      this.critical.empty &&
      this.cosmetic.empty &&
      this.link.hasRoom(bytes) &&
      this.window.hasRoom(bytes)
    )
  }

  /**
   * While a client is congested a cosmetic message is admitted only in place of others, so that
   * its backlog can shrink but not grow: lower ranks first, then the oldest of its own rank if
   * its policy is to drop the oldest.
   *
   * @returns whether `bytes` were freed; if they can't be, nothing is evicted
   */
  #makeRoom(envelope: Envelope, bytes: Bytes, keep: Envelope | undefined, now: Millis): boolean {
    const { rank, drop } = envelope.rule
    const upTo = drop === 'oldest' ? rank : rank - 1
    const kept = keep !== undefined && keep.rule.rank <= upTo ? keep.bytes : 0
    if (this.cosmetic.evictable(upTo) - kept < bytes) return false
    for (let freed = 0; freed < bytes; ) {
      const evicted = this.cosmetic.evict(upTo, keep)
      if (!evicted) return false
      freed += evicted.bytes
      this.#shed(evicted, 'dropped', now)
    }
    return true
  }

  #drain(now: Millis): void {
    while (this.closedBy === undefined) {
      const lane = this.critical.empty ? this.cosmetic : this.critical
      const next = lane.peek()
      if (!next) return
      if (next.expired(now)) {
        lane.shift()
        this.#shed(next, 'expired', now)
        continue
      }
      if (!this.link.hasRoom(next.bytes)) return
      if (lane === this.cosmetic && (this.#closing || !this.window.hasRoom(next.bytes))) return
      lane.shift()
      this.#send(next)
    }
  }

  #send(envelope: Envelope): void {
    this.#count(envelope, 'sent')
    this.link.write(envelope)
  }

  /** A DISCONNECT follows what was queued before it in its namespace. */
  #promote(namespace: string): void {
    for (const envelope of this.cosmetic.takeNamespace(namespace)) this.critical.push(envelope)
    this.namespaces.delete(namespace)
  }

  #shed(envelope: Envelope, outcome: ShedOutcome, now: Millis): void {
    this.#count(envelope, outcome)
    const { event, namespace } = envelope.rule
    this.lastShed = { event, namespace, outcome, at: now }
    this.#episode ??= new Episode(now)
    this.#episode.count(envelope, outcome)
  }

  #count(envelope: Envelope, outcome: MessageOutcome): void {
    envelope.rule.tally.count(outcome, envelope.bytes)
    this.tally.count(outcome, envelope.bytes)
  }

  #enterCongestion(now: Millis): void {
    if (this.congested) return
    this.congested = true
    this.#episode ??= new Episode(now)
    this.#watch()
    this.#host.congested(this)
  }

  /** Congestion ends below `low`; what was shed without it is summed up until nothing waits. */
  #recover(now: Millis): void {
    const episode = this.#episode
    if (!episode || this.buffered >= this.#host.limits.low) return
    if (!this.congested && !this.cosmetic.empty) return
    const wasCongested = this.congested
    this.congested = false
    this.#episode = undefined
    this.#host.recovered(this, episode, now, wasCongested)
  }

  #settle(now: Millis): void {
    this.#recover(now)
    if (this.critical.empty && this.cosmetic.empty && !this.#episode) this.#unwatch()
  }

  #watch(): void {
    if (this.#watched) return
    this.#watched = true
    this.#host.watch(this)
  }

  #unwatch(): void {
    if (!this.#watched) return
    this.#watched = false
    this.#host.unwatch(this)
  }
}
