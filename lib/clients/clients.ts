import type { Clock } from '../base/clock.ts'
import type { Limits } from '../base/limits.ts'
import type { Millis } from '../base/units.ts'
import { Channel } from '../channel/channel.ts'
import type { HostOf } from '../channel/channel-host.ts'
import { EngineLink } from '../link/engine-link.ts'
import { StraySockets } from '../link/stray-sockets.ts'
import { LoopDelay } from '../loop/loop-delay.ts'
import { TurnScheduler } from '../loop/turn-scheduler.ts'
import { FrameBatches } from '../message/frame-batch.ts'
import type { HeldBytes } from '../message/held-bytes.ts'
import type { EngineSocket } from '../socketio/engine.ts'
import { ClosedClients } from '../telemetry/closed-clients.ts'
import { Meters } from '../telemetry/meters.ts'
import type { Reporter } from '../telemetry/reporter.ts'
import type { ShedEpisode } from '../telemetry/shed-episode.ts'
import type { Budget } from './budget.ts'
import { Census } from './census.ts'
import type { Client, KnownClient } from './client.ts'
import { ClientReads } from './client-reads.ts'
import type { ClientsHost, ClientsOptions } from './clients-host.ts'
import { Leavings } from './leavings.ts'
import { Leniency } from './leniency.ts'
import { LingeringSockets } from './lingering-sockets.ts'
import { LinkSurroundings } from './link-surroundings.ts'
import { briefOf } from './peer.ts'
import type { Departures } from './shutdown.ts'
import { Sweep, type SweepHost } from './sweep.ts'
import { WakeTimers } from './wake-timers.ts'

/** The connected clients: opens, looks after and closes their channels. */
export class Clients implements HostOf<Client>, SweepHost {
  /** Replaced as a whole. */
  configured: Limits
  readonly budget: Budget
  readonly heldBytes: HeldBytes
  readonly history: ClosedClients
  /** Clients that something is queued for or in flight to, or that shed lately. */
  readonly watched = new Set<Client>()
  readonly meters = new Meters()
  readonly census = new Census(() => this.channels())
  readonly batches = new FrameBatches()
  readonly loopDelay: LoopDelay
  congestedNow = 0
  /** Told who comes and goes while the server shuts down. */
  departures: Departures | undefined
  readonly strays = new StraySockets(() => this.departures?.left())
  readonly lingering = new LingeringSockets(() => this.departures?.left())
  readonly #clients = new Map<string, Client>()
  readonly #leniency = new Leniency()
  readonly reads: ClientReads
  readonly #links: LinkSurroundings
  readonly #wakers: WakeTimers<Client>
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
    this.heldBytes = budget.heldBytes
    this.history = new ClosedClients(closedHistory)
    this.#clock = clock
    this.loopDelay = new LoopDelay(clock)
    this.reads = new ClientReads(this.#clients, this.watched, clock)
    this.scheduler = new TurnScheduler(clock, tickBudget, () => this.batches.clear())
    this.#links = new LinkSurroundings(this, clock)
    this.#reporter = reporter
    this.#host = host
    this.#wakers = new WakeTimers(clock, (client) => this.scheduler.add(client, false))
    this.#leavings = new Leavings({
      host,
      clock,
      history: this.history,
      reporter,
      leniency: this.#leniency,
      told: () => this.departures?.left(),
    })
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

  get size(): number {
    return this.#clients.size
  }

  /** What is kept for clients: all of it is 0 when everyone has gone. */
  get sizes() {
    return {
      clients: this.#clients.size,
      watched: this.watched.size,
      wakers: this.#wakers.size,
      lingering: this.lingering.size,
      strays: this.strays.size,
      leaving: this.#leavings.size,
      lenient: this.#leniency.clients,
      ...this.#sweep.sizes,
      congested: this.congestedNow,
      held: this.heldBytes.bytes,
    }
  }

  /** @param known of a client that was connected before the server was attached to */
  open(conn: EngineSocket, known?: KnownClient): Client {
    const id = `${idPrefix}${++this.#lastId}`
    const link = new EngineLink(conn, this.#links)
    const now = this.now()
    const channel = new Channel(id, link, this, now)
    link.listen(channel)
    this.#clients.set(id, channel)
    this.#leniency.joined(channel, conn.remoteAddress, now)
    if (known) channel.adopt(known.sockets, now - known.connectedFor)
    if (conn.readyState === 'closing') channel.close(now)
    this.departures?.joined(channel)
    return channel
  }

  now(): Millis {
    return this.#clock.now()
  }

  terminate(id: string): boolean {
    const client = this.#clients.get(id)
    client?.terminate('terminated')
    return client !== undefined
  }

  /** @returns whether there is such a client */
  exempt(id: string, exempt: boolean): boolean {
    const client = this.#clients.get(id)
    if (client) client.exempt = exempt
    return client !== undefined
  }

  /** Whether there is nobody, and no kernel socket of anybody, and all was told of everyone. */
  get gone(): boolean {
    const sockets = this.lingering.size + this.strays.size
    return this.#clients.size === 0 && sockets === 0 && this.#leavings.size === 0
  }

  /** Closes everyone who is left at once, with the code `shutdown`. */
  terminateAll(): void {
    for (const client of [...this.#clients.values()]) client.terminate('shutdown')
    this.lingering.terminateAll()
    this.strays.endAll()
  }

  /** Hands over what is queued for everyone, and what waits for its slice, at once. */
  release(): void {
    this.#host.broadcasts.finish()
    const now = this.now()
    for (const client of this.#clients.values()) client.release(now)
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
    this.reads.close()
    this.#wakers.clear()
    for (const client of this.#clients.values()) {
      client.link.detach()
      // of one that is being closed something may be left
      this.#leavings.add(client)
    }
    this.#leavings.tell()
    this.congestedNow = 0
    this.#clients.clear()
    this.lingering.close()
    this.watched.clear()
    this.strays.close()
    this.#leniency.forgetClients()
  }

  /** Whether anything waits for anyone who is not being closed. */
  get #waits(): boolean {
    if (this.#host.broadcasts.waiting()) return true
    const now = this.now()
    for (const client of this.#clients.values()) {
      if (client.queued > 0 && client.state(now) !== 'closed') return true
    }
    return false
  }

  watch(client: Client): void {
    this.watched.add(client)
  }

  unwatch(client: Client): void {
    this.watched.delete(client)
    if (this.#leniency.clients > 0) {
      this.#leniency.caughtUp(client, client.connectedAt, this.now())
    }
  }

  lookClosely(client: Client): void {
    this.#sweep.lookClosely(client)
  }

  limitsFor(client: Client): Limits {
    return this.#leniency.limitsFor(client, this.limits)
  }

  wake(client: Client, at: Millis): void {
    this.#wakers.wake(client, at)
  }

  catchUp(client: Client): void {
    const { broadcasts } = this.#host
    if (broadcasts.waiting()) broadcasts.catchUp(client)
  }

  get overfull(): boolean {
    return this.budget.isOverfull
  }

  congested(client: Client): void {
    this.congestedNow++
    this.#reporter.congested(briefOf(client))
  }

  recovered(client: Client, episode: ShedEpisode, now: Millis, wasCongested: boolean): void {
    if (wasCongested) this.congestedNow--
    this.#host.recovered(client, briefOf(client), episode, now)
  }

  disconnected(client: Client): void {
    if (!this.#clients.delete(client.id)) return
    if (client.congested) this.congestedNow--
    this.#wakers.delete(client)
    this.#leniency.left(client)
    this.#sweep.forget(client)
    if (client.link.lingers) this.lingering.add(client.link)
    const { broadcasts } = this.#host
    if (broadcasts.waiting()) broadcasts.abandon(client)
    this.#leavings.add(client)
  }

  inspected(client: Client, now: Millis): void {
    if (this.#shedInterval === 0) return
    const untold = client.tellShed(this.#shedInterval, now)
    if (untold) this.#host.shedding(client, briefOf(client), untold, now)
  }

  relieve(now: Millis): void {
    this.#sweep.relieve(now)
  }

  channels(): IterableIterator<Client> {
    return this.#clients.values()
  }
}

/** Ids tell clients of different processes apart, and nothing about Engine.IO's secret ids. */
const idPrefix = `${Math.random().toString(36).slice(2, 6)}-`

/** Of handing over what waits for everyone; whoever emits in each of them would never come to an end. */
const MOST_ROUNDS = 100
