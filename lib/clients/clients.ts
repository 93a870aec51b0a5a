import type { IncomingMessage } from 'node:http'
import type { ClientQueue, ClientStats, ListQuery } from '../../schemas/stats.ts'
import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { ClosingCode } from '../base/outcomes.ts'
import type { Bytes, Millis } from '../base/units.ts'
import { Channel, type ChannelHost } from '../channel/channel.ts'
import type { Remainder } from '../channel/remainder.ts'
import { EngineLink } from '../link/engine-link.ts'
import type { Emptied, LinkHost } from '../link/link.ts'
import { StraySockets } from '../link/stray-sockets.ts'
import { LoopDelay } from '../loop/loop-delay.ts'
import { type TickMember, TurnScheduler } from '../loop/turn-scheduler.ts'
import { FrameBatches } from '../message/frame-batch.ts'
import type { HeldBytes } from '../message/held-bytes.ts'
import type { EngineSocket } from '../socketio/engine.ts'
import type { ClientBrief, NamespaceSocket, Peer } from '../telemetry/client-identity.ts'
import { ClosedClients } from '../telemetry/closed-clients.ts'
import { Meters } from '../telemetry/meters.ts'
import type { Reporter } from '../telemetry/reporter.ts'
import type { ShedEpisode, Untold } from '../telemetry/shed-episode.ts'
import type { Budget } from './budget.ts'
import { Census, type Counts, countStates } from './census.ts'
import type { Client } from './client.ts'
import { clientStatsOf, queueOf } from './client-stats.ts'
import { Leavings, type LeavingsHost } from './leavings.ts'
import { Leniency, ON_CONNECTING } from './leniency.ts'
import { LingeringSockets } from './lingering-sockets.ts'
import { Listings } from './listing.ts'
import { peerOf } from './peer.ts'
import type { Departures } from './shutdown.ts'
import { Sweep, type SweepHost } from './sweep.ts'
import { WakeTimers } from './wake-timers.ts'

/** What Socket.IO knows of a client that was connected before. */
export interface KnownClient {
  readonly sockets: readonly NamespaceSocket[]
  readonly connectedFor: Millis
}

/** What the clients need from their surroundings. */
export interface ClientsHost {
  /** A client has caught up; the episode says what was shed for it until then. */
  recovered(channel: Channel, client: ClientBrief, episode: ShedEpisode, now: Millis): void
  /** Messages are shed for a client, which has not caught up; what follows was not told yet. */
  shedding(channel: Channel, client: ClientBrief, untold: Untold, now: Millis): void
  /** A client was closed, or has left something in its queue; Socket.IO has noticed by now. */
  closed(code: ClosingCode, left: Remainder): void
  /** A client was closed for the budget soon after it had connected. */
  overBudget(handshake: IncomingMessage, client: ClientBrief, connectedFor: Millis): void
  /** A connection has gone, and Socket.IO has noticed: nothing is written to it any more. */
  gone(conn: EngineSocket): void
  /** What was broadcast and waits for its slice. */
  readonly broadcasts: {
    waiting(): boolean
    /** Offers what a client is due. */
    catchUp(channel: Channel): void
    /** Tells a client whose connection is gone what it was due. */
    abandon(channel: Channel): void
    /** Offers everyone what they are due. */
    finish(): void
  }
}

export interface ClientsOptions {
  readonly limits: Limits
  readonly budget: Budget
  readonly closedHistory: number
  readonly tickBudget: Millis
  /** How often it is told what is shed for a client while that goes on; 0 if not before it has caught up. */
  readonly shedInterval: Millis
  readonly clock: Clock
  readonly reporter: Reporter
  readonly host: ClientsHost
}

/** The connected clients: opens, looks after and closes their channels. */
export class Clients implements ChannelHost, LinkHost, TickMember, SweepHost {
  /** Replaced as a whole. */
  configured: Limits
  readonly budget: Budget
  readonly history: ClosedClients
  /** Clients that something is queued for or in flight to, or that shed lately. */
  readonly watched = new Set<Channel>()
  readonly meters = new Meters()
  readonly census = new Census(() => this.channels())
  readonly batches = new FrameBatches()
  readonly loopDelay: LoopDelay
  congestedNow = 0
  /** Told who comes and goes while the server shuts down. */
  departures: Departures | undefined
  readonly strays = new StraySockets(() => this.departures?.left())
  /** Links that nothing waits for any more, until a tick ends. */
  readonly #emptied = new Set<Emptied>()
  readonly #lingering = new LingeringSockets(() => this.departures?.left())
  readonly #clients = new Map<string, Client>()
  readonly #leniency = new Leniency()
  /** How many times as long they are given, of those who are given longer than others. */
  readonly #lenient = new Map<Channel, number>()
  readonly #listings: Listings
  readonly #wakers: WakeTimers<Channel>
  readonly #sweep = new Sweep(this)
  readonly #leavings: Leavings
  readonly #clock: Clock
  readonly scheduler: TurnScheduler
  readonly #reporter: Reporter
  readonly #host: ClientsHost
  readonly #shedInterval: Millis
  #lastId = 0

  constructor(options: ClientsOptions) {
    const { limits, budget, closedHistory, tickBudget, shedInterval } = options
    const { clock, reporter, host } = options
    this.configured = limits
    this.budget = budget
    this.history = new ClosedClients(closedHistory)
    this.#clock = clock
    this.loopDelay = new LoopDelay(clock)
    this.#listings = new Listings(this, clock)
    this.scheduler = new TurnScheduler(clock, tickBudget, () => this.batches.clear())
    this.#reporter = reporter
    this.#host = host
    this.#wakers = new WakeTimers(clock, (channel) => this.scheduler.add(channel, false))
    const leavingsHost: LeavingsHost = {
      gone: (client) => {
        host.gone(client.link.conn)
        this.#abandon(client)
      },
      closed: (code, left) => host.closed(code, left),
      overBudget: ({ link: { conn } }, brief, connectedFor) => {
        if (conn.request) host.overBudget(conn.request, brief, connectedFor)
      },
      told: () => this.departures?.left(),
    }
    this.#leavings = new Leavings(leavingsHost, clock, this.history, reporter, this.#leniency)
    this.#shedInterval = shedInterval
  }

  /** Looks after the clients from now on, until `close`. */
  start(): void {
    this.scheduler.start()
    this.#sweep.start()
  }

  /** The limits in force. */
  get limits(): Limits {
    return this.budget.applyTo(this.configured)
  }

  get heldBytes(): HeldBytes {
    return this.budget.heldBytes
  }

  get size(): number {
    return this.#clients.size
  }

  /** Bytes buffered for all clients. O(clients that wait). */
  get buffered(): Bytes {
    let buffered = 0
    for (const channel of this.watched) buffered += channel.buffered
    return buffered
  }

  /** How many clients are in each state now. O(clients). */
  get states(): Counts['states'] {
    return countStates(this.channels(), this.watched, this.now())
  }

  /** What is kept for clients: all of it is 0 when everyone has gone. */
  get sizes() {
    return {
      clients: this.#clients.size,
      watched: this.watched.size,
      wakers: this.#wakers.size,
      lingering: this.#lingering.size,
      strays: this.strays.size,
      leaving: this.#leavings.size,
      lenient: this.#lenient.size,
      ...this.#sweep.sizes,
      congested: this.congestedNow,
      held: this.heldBytes.bytes,
    }
  }

  /** @param known of a client that was connected before the server was attached to */
  open(conn: EngineSocket, known?: KnownClient): Channel {
    const id = `${idPrefix}${++this.#lastId}`
    const link = new EngineLink(conn, this)
    const now = this.now()
    const channel = new Channel(id, link, this, now)
    link.listen(channel)
    this.#clients.set(id, { channel, link })
    const factor = this.#leniency.factor(conn.remoteAddress, now)
    if (factor > 1) this.#lenient.set(channel, factor)
    if (known) channel.adopt(known.sockets, now - known.connectedFor)
    if (conn.readyState === 'closing') channel.close(now)
    this.departures?.joined(channel)
    return channel
  }

  now(): Millis {
    return this.#clock.now()
  }

  get busyTime(): Millis {
    return this.loopDelay.busyTime
  }

  get plain(): boolean {
    return this.configured.mode === 'observe'
  }

  /** A client is handed no more at once than what it may have buffered without congestion. */
  get handover(): Bytes {
    return this.limits.low
  }

  get(id: string): ClientStats | undefined {
    const client = this.#clients.get(id)
    return client && this.#statsOf(client)
  }

  *all(): Generator<ClientStats> {
    for (const client of this.#clients.values()) yield this.#statsOf(client)
  }

  /** A page of those that match; see {@link Listings}. */
  async list(query: ListQuery, isMatch: (channel: Channel) => boolean) {
    const listing = await this.#listings.list(query, isMatch)
    if (!listing) return undefined
    const { total, ids, next } = listing
    return { total, clients: ids.flatMap((id) => this.get(id) ?? []), next }
  }

  queue(id: string, limit: number): ClientQueue | undefined {
    const client = this.#clients.get(id)
    return client && queueOf(client.channel, this.configured.maxAge, limit, this.now())
  }

  terminate(id: string): boolean {
    const client = this.#clients.get(id)
    client?.channel.terminate('terminated')
    return client !== undefined
  }

  /** @returns whether there is such a client */
  exempt(id: string, exempt: boolean): boolean {
    const client = this.#clients.get(id)
    if (client) client.channel.exempt = exempt
    return client !== undefined
  }

  /** Whether there is nobody, and no kernel socket of anybody, and all was told of everyone. */
  get gone(): boolean {
    const sockets = this.#lingering.size + this.strays.size
    return this.#clients.size === 0 && sockets === 0 && this.#leavings.size === 0
  }

  /** Closes everyone who is left at once, with the code `shutdown`. */
  terminateAll(): void {
    for (const { channel } of [...this.#clients.values()]) channel.terminate('shutdown')
    this.#lingering.terminateAll()
    this.strays.endAll()
  }

  /** Hands over what is queued for everyone, and what waits for its slice, at once. */
  release(): void {
    this.#host.broadcasts.finish()
    const now = this.now()
    for (const { channel } of this.#clients.values()) channel.release(now)
  }

  /** Hands over all that waits for anyone. */
  finish(): void {
    let rounds = 0
    // what is handed over may close a client, of which the application may tell others
    do {
      this.release()
      this.scheduler.close()
    } while (this.#waits && ++rounds < MOST_ROUNDS)
  }

  /** Lets go of every connection, when nothing is offered to it any more. */
  close(): void {
    this.#sweep.close()
    this.census.close()
    this.#listings.close()
    this.#wakers.clear()
    for (const client of this.#clients.values()) {
      client.link.detach()
      // of one that is being closed something may be left
      this.#leavings.add(client)
    }
    this.#leavings.tell()
    this.congestedNow = 0
    this.#clients.clear()
    this.#lingering.close()
    this.watched.clear()
    this.strays.close()
    this.#lenient.clear()
  }

  /** Whether anything waits for anyone who is not being closed. */
  get #waits(): boolean {
    if (this.#host.broadcasts.waiting()) return true
    const now = this.now()
    for (const { channel } of this.#clients.values()) {
      if (channel.queued > 0 && channel.state(now) !== 'closed') return true
    }
    return false
  }

  watch(channel: Channel): void {
    this.watched.add(channel)
  }

  unwatch(channel: Channel): void {
    this.watched.delete(channel)
    // it has taken what it was sent on connecting
    if (this.#lenient.size > 0 && this.now() - channel.connectedAt > ON_CONNECTING) {
      this.#lenient.delete(channel)
    }
  }

  lookClosely(channel: Channel): void {
    this.#sweep.lookClosely(channel)
  }

  limitsFor(channel: Channel): Limits {
    const { limits } = this
    const factor = this.#lenient.get(channel)
    return factor === undefined ? limits : { ...limits, stallAfter: factor * limits.stallAfter }
  }

  wake(channel: Channel, at: Millis): void {
    this.#wakers.wake(channel, at)
  }

  catchUp(channel: Channel): void {
    const { broadcasts } = this.#host
    if (broadcasts.waiting()) broadcasts.catchUp(channel)
  }

  get overfull(): boolean {
    return this.budget.isOverfull
  }

  unasked(): void {
    this.meters.unaskedAnswers++
  }

  whenTickEnds(member: TickMember): void {
    this.scheduler.whenTickEnds(member)
  }

  afterTick(member: TickMember): void {
    this.scheduler.afterTick(member)
  }

  emptied(link: Emptied): void {
    if (this.#emptied.size === 0) this.scheduler.afterTick(this)
    this.#emptied.add(link)
  }

  tickEnded(): void {
    try {
      for (const link of this.#emptied) {
        this.#emptied.delete(link)
        link.tellDrained()
      }
    } finally {
      // somebody else's listener has thrown
      if (this.#emptied.size > 0) this.scheduler.afterTick(this)
    }
  }

  congested(channel: Channel): void {
    this.congestedNow++
    this.#reporter.congested(this.#briefOf(channel))
  }

  recovered(channel: Channel, episode: ShedEpisode, now: Millis, wasCongested: boolean): void {
    if (wasCongested) this.congestedNow--
    this.#host.recovered(channel, this.#briefOf(channel), episode, now)
  }

  disconnected(channel: Channel): void {
    const client = this.#clients.get(channel.id)
    if (!client) return
    this.#clients.delete(channel.id)
    if (channel.congested) this.congestedNow--
    this.#wakers.delete(channel)
    this.#lenient.delete(channel)
    this.#sweep.forget(channel)
    if (client.link.lingers) this.#lingering.add(client.link)
    this.#abandon(client)
    this.#leavings.add(client)
  }

  /** What waited for its slice is not sent any more. */
  #abandon({ channel }: Client): void {
    const { broadcasts } = this.#host
    if (broadcasts.waiting()) broadcasts.abandon(channel)
  }

  inspected(channel: Channel, now: Millis): void {
    if (this.#shedInterval === 0) return
    const untold = channel.tellShed(this.#shedInterval, now)
    if (untold) this.#host.shedding(channel, this.#briefOf(channel), untold, now)
  }

  freeLingering(): Bytes {
    return this.#lingering.free()
  }

  relieve(now: Millis): void {
    this.#sweep.relieve(now)
  }

  channel(id: string): Channel | undefined {
    return this.#clients.get(id)?.channel
  }

  *channels(): Generator<Channel> {
    for (const { channel } of this.#clients.values()) yield channel
  }

  #briefOf(channel: Channel): ClientBrief {
    const client = this.#clients.get(channel.id)
    return { id: channel.id, ...(client ? peerOf(client.link.conn) : NOBODY) }
  }

  #statsOf({ channel, link: { conn } }: Client): ClientStats {
    // a socket of protocol 3 is called by the secret id of its Engine.IO session
    const shown = conn.protocol === 3 ? [] : channel.sockets.connected()
    const sockets: Record<string, string> = {}
    let count = 0
    for (const { nsp, id } of shown) {
      if (++count > MOST_SOCKETS) break
      sockets[nsp.name] = id
    }
    return clientStatsOf(channel, { sockets, ...peerOf(conn) }, this.now())
  }
}

/** Ids tell clients of different processes apart, and nothing about Engine.IO's secret ids. */
const idPrefix = `${Math.random().toString(36).slice(2, 6)}-`

/** Of handing over what waits for everyone; whoever emits in each of them would never come to an end. */
const MOST_ROUNDS = 100

/** Listed of one client: it may join thousands of dynamic namespaces. */
const MOST_SOCKETS = 100

const NOBODY: Peer = { address: null, userAgent: null }
