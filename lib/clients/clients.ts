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
  /** The limits as they are configured; replaced as a whole. */
  configured: Limits
  readonly budget: Budget
  readonly heldBytes: HeldBytes
  readonly history: ClosedClients
  /** Clients with messages queued or in flight, or with recently shed ones. */
  readonly watched = new Set<Client>()
  readonly meters = new Meters()
  readonly census = new Census(() => this.channels())
  readonly batches = new FrameBatches()
  readonly loopDelay: LoopDelay
  congestedNow = 0
  /** Hears of clients that come and go; present while the server shuts down. */
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

  /** Starts the timers that look after the clients, until `close`. */
  start(): void {
    this.scheduler.start()
    this.#sweep.start()
  }

  /** The limits in force: as configured, or smaller above the byte budget. */
  get limits(): Limits {
    return this.budget.applyTo(this.configured)
  }

  get size(): number {
    return this.#clients.size
  }

  /** Sizes of all collections of clients: 0 each when all clients have gone. */
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

  /** Whether no client and no kernel socket is left, and all departures were reported. */
  get gone(): boolean {
    const sockets = this.lingering.size + this.strays.size
    return this.#clients.size === 0 && sockets === 0 && this.#leavings.size === 0
  }

  /** Terminates all clients that are left, with the code `shutdown`. */
  terminateAll(): void {
    for (const client of [...this.#clients.values()]) client.terminate('shutdown')
    this.lingering.terminateAll()
    this.strays.endAll()
  }

  /** Hands over at once what is queued for all clients, and broadcasts that wait for a later slice. */
  release(): void {
    this.#host.broadcasts.finish()
    const now = this.now()
    for (const client of this.#clients.values()) client.release(now)
  }

  /** Hands over everything that waits, also what callbacks emit meanwhile. */
  finish(): void {
    let rounds = 0
    // a handover may close a client, and the application may emit to others because of that
    do {
      this.release()
      this.scheduler.close()
    } while (this.#waits && ++rounds < MOST_ROUNDS)
  }

  /** Detaches from every connection, when the tap offers nothing any more. */
  close(): void {
    this.#sweep.close()
    this.census.close()
    this.reads.close()
    this.#wakers.clear()
    for (const client of this.#clients.values()) {
      client.link.detach()
      // a client that is being closed may have messages left
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

  /** Whether messages wait for a client that is not being closed. */
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

/** Ids differ between processes, and reveal nothing of Engine.IO's secret session ids. */
const idPrefix = `${Math.random().toString(36).slice(2, 6)}-`

/** Rounds of `finish`: an application that emits in each round would keep it from ending. */
const MOST_ROUNDS = 100
