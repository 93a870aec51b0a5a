import type { EventEmitter } from 'node:events'
import { isDeepStrictEqual } from 'node:util'
import type { Server } from 'socket.io'
import type { z } from 'zod'
import * as args from '../schemas/arguments.ts'
import type { MessageMap, NamespaceMap } from '../schemas/events.ts'
import { parseOptions } from '../schemas/parse-options.ts'
import { type Policy, type PolicyChange, policyChange } from '../schemas/policy.ts'
import { checkShutdown } from '../schemas/shutdown-options.ts'
import {
  type ClientQueue,
  type ClientStats,
  type ClientsPage,
  type ClosedClient,
  listQuery,
  queueLimit,
  type SpillwayStats,
} from '../schemas/stats.ts'
import { refuseClosed, unmarkAttached } from './attached.ts'
import { systemClock } from './base/clock.ts'
import { definedIn } from './base/defined-in.ts'
import { refuse } from './base/errors.ts'
import type { Limits } from './base/limits.ts'
import { spillwayStatsOf } from './clients/client-stats.ts'
import { isListed } from './clients/list-filter.ts'
import { Shutdown, type ShutdownPace } from './clients/shutdown.ts'
import { type AdapterClient, isAdapterClient } from './cluster/redis-client.ts'
import type { LivePolicy } from './live-policy.ts'
import type { Parts } from './parts.ts'
import { Readings } from './readings.ts'
import type { SpillwayEvents } from './telemetry/reporter.ts'
import type { NamespaceOf, ServerOf } from './typed-server.ts'

/** The handle of an attached server. */
export class Spillway<M extends MessageMap = MessageMap, N extends NamespaceMap = NamespaceMap> {
  /** The server, with emits typed by the message map. */
  readonly io: ServerOf<M>
  /** Emits `congested`, `recovered`, `closed`, `policy`, `invalid` and `fault`. */
  readonly events: EventEmitter<SpillwayEvents>
  /** @internal What the metrics are made of. */
  readonly readings: Readings
  readonly #parts: Parts
  readonly #policy: LivePolicy
  #shutdown: Shutdown | undefined
  #open = true
  readonly #whenClosed: Array<() => void> = []

  /** @internal Use {@link attach}. */
  constructor(io: Server, policy: LivePolicy, parts: Parts) {
    this.io = io as unknown as ServerOf<M>
    this.events = parts.reporter
    this.readings = new Readings(parts)
    this.#policy = policy
    this.#parts = parts
  }

  /** The limits as they are configured; above the budget, `low` and `high` are smaller. */
  get limits(): Limits {
    return this.#policy.limits
  }

  /**
   * Changes the mode while the server runs. Going to `observe` hands over what is queued at once.
   *
   * @throws SpillwayError SPILLWAY_INVALID_OPTION; SPILLWAY_CLOSED after `close`
   */
  setMode(mode: 'enforce' | 'observe'): void {
    const parsed = parseOptions(args.mode, mode, 'mode')
    if (!this.#open) refuseClosed('setMode()')
    this.setPolicy({ mode: parsed })
  }

  /** What may be changed while the server runs, as it is now. */
  get policy(): Policy {
    return this.#policy.current
  }

  /**
   * Changes the policy for all clients, those that are connected too; what is left out stays as it
   * is. Told in the log and by the event `policy`.
   *
   * @param by who does it, for the log: a plain object
   * @throws SpillwayError SPILLWAY_INVALID_OPTION, SPILLWAY_WATERMARK_ORDER; SPILLWAY_CLOSED after
   *   `close`; nothing has changed then
   */
  setPolicy(change: PolicyChange, by?: object): Policy {
    const parsed = parseOptions(policyChange, change, 'policy')
    parseOptions(args.policyAuthor, by, 'by')
    if (!this.#open) refuseClosed('setPolicy()')
    const from = this.policy
    this.#policy.change(parsed)
    this.#parts.clients.configured = this.limits
    const { mode } = this.limits
    if (mode === 'observe' && from.mode !== mode) this.#parts.clients.release()
    const to = this.policy
    if (!isDeepStrictEqual(from, to)) this.#parts.reporter.policy({ from, to, by })
    return to
  }

  /**
   * A namespace of the server, with emits typed by its message map; after `close`, too.
   *
   * @throws SpillwayError SPILLWAY_INVALID_OPTION
   */
  of<Name extends keyof N & string>(name: Name): NamespaceOf<Extract<N[Name], MessageMap>> {
    return this.io.of(parseOptions(args.namespaceName, name, 'name')) as unknown as NamespaceOf<
      Extract<N[Name], MessageMap>
    >
  }

  /** Totals. O(waiting clients + annotated events). After `close`, of what there was until then. */
  stats(): SpillwayStats {
    return spillwayStatsOf(this.limits, this.readings, systemClock.now())
  }

  /**
   * One client.
   *
   * @param id the client's id here, or the id of one of its Socket.IO sockets
   * @returns undefined if there is no such client; after `close` there is none
   * @throws SpillwayError SPILLWAY_INVALID_OPTION
   */
  client(id: string): ClientStats | undefined {
    return this.#parts.clients.reads.get(this.#idOf(id))
  }

  /**
   * What waits for a client, in the order in which it would be sent; never a payload.
   *
   * @param id as of `client`
   * @param limit most messages listed, 1 to 1000
   * @returns as of `client`
   * @throws SpillwayError SPILLWAY_INVALID_OPTION
   */
  queue(id: string, limit = 100): ClientQueue | undefined {
    const known = this.#idOf(id)
    const most = parseOptions(queueLimit, limit, 'limit')
    return this.#parts.clients.reads.queue(known, this.limits.maxAge, most)
  }

  /**
   * Closes a client at once, with the code `terminated`. It may connect again.
   *
   * @param id as of `client`
   * @returns whether there is such a client
   * @throws SpillwayError SPILLWAY_INVALID_OPTION; SPILLWAY_CLOSED after `close`
   */
  terminate(id: string): boolean {
    const known = this.#idOf(id)
    if (!this.#open) refuseClosed('terminate()')
    return this.#parts.clients.terminate(known)
  }

  /**
   * Marks a client that is never closed because of the budget.
   *
   * @param id as of `client`
   * @returns whether there is such a client
   * @throws SpillwayError SPILLWAY_INVALID_OPTION; SPILLWAY_CLOSED after `close`
   */
  exempt(id: string, exempt = true): boolean {
    const known = this.#idOf(id)
    const parsed = parseOptions(args.exemption, exempt, 'exempt')
    if (!this.#open) refuseClosed('exempt()')
    return this.#parts.clients.exempt(known, parsed)
  }

  /**
   * Has the errors of an adapter's Redis client, and of its duplicates, reported as `fault`, and
   * keeps them from ending the process: its `error` events, and the rejections of commands that the
   * adapters look after no further. It stays so after `close`. To be called before the adapter is
   * made.
   *
   * @param client of `redis` or `ioredis`
   * @returns the client
   * @throws SpillwayError SPILLWAY_INVALID_OPTION; SPILLWAY_CLOSED after `close`
   */
  guard<Client extends AdapterClient>(client: Client): Client {
    if (!isAdapterClient(client)) {
      throw refuse('SPILLWAY_INVALID_OPTION', 'client', client, 'a client of redis or ioredis')
    }
    if (!this.#open) refuseClosed('guard()')
    this.#parts.adapters.guard(client)
    return client
  }

  /**
   * The clients that match, with the largest figure first, a page at a time. The pages that follow
   * from a first one keep its order, and list each client of then that stays once, as long as each is
   * asked for within a minute; after that they follow the figures as they are. After `close` there are
   * none.
   *
   * @throws SpillwayError SPILLWAY_INVALID_OPTION
   */
  async list(query: z.input<typeof listQuery> = {}): Promise<ClientsPage> {
    const parsed = parseOptions(listQuery, query, 'query')
    const now = systemClock.now()
    const page = await this.#parts.clients.reads.list(parsed, (channel) =>
      isListed(channel, parsed, now),
    )
    if (page) return page
    const allowed =
      'the `next` of a page in the order of the same `sort`, or none for the first page'
    throw refuse('SPILLWAY_INVALID_OPTION', 'query.cursor', parsed.cursor, allowed)
  }

  /** All clients, unordered; none after `close`. O(clients). */
  clients(): Iterable<ClientStats> {
    return this.#parts.clients.reads.all()
  }

  /** The closed clients that are remembered, latest first; after `close`, too. */
  closed(): readonly ClosedClient[] {
    return this.#parts.clients.history.latest()
  }

  /**
   * Refuses new clients, sends everyone what is critical, and closes the clients so that they
   * reconnect by themselves; who is left at the deadline is terminated. The server stays as it is,
   * without clients, and refuses new ones until `close`. Callbacks of the application are waited for
   * until the deadline. A second call waits for the first, also after `close`, which ends it.
   *
   * @param pace what differs from the option `shutdown`
   * @throws SpillwayError SPILLWAY_INVALID_OPTION; SPILLWAY_CLOSED if the first call comes after
   *   `close`, when no client can be sent anything more; nothing has happened then
   */
  shutdown(pace: Partial<ShutdownPace> = {}): Promise<void> {
    const given = definedIn(parseOptions(args.shutdownPace, pace, 'shutdown'))
    const parsed = checkShutdown({ ...this.#parts.options.shutdown, ...given })
    if (this.#shutdown) return this.#shutdown.done
    if (!this.#open) refuseClosed('shutdown()')
    this.refuse()
    this.#shutdown = new Shutdown(this.#parts.clients, this.#parts.reporter.callbacks, parsed)
    this.#parts.clients.departures = this.#shutdown
    this.#shutdown.start()
    return this.#shutdown.done
  }

  /** @internal Waits for callbacks of the application, for as long as a shutdown may. */
  settled(): Promise<void> {
    return this.#parts.reporter.callbacks.settled(this.#parts.options.shutdown.deadline)
  }

  /** @internal Refuses new clients from now on, as `shutdown` does. */
  refuse(): void {
    this.#parts.refuse()
  }

  /**
   * Hands over what is queued, lets go of the server and gives it its own methods back. Clients stay
   * connected. Nothing can be changed any more; what only tells something goes on. A second call
   * does nothing.
   */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#parts.clients.departures = undefined
    this.#shutdown?.stop()
    this.#parts.close()
    unmarkAttached(this.io)
    for (const callback of this.#whenClosed.splice(0)) callback()
  }

  /** @internal */
  get isOpen(): boolean {
    return this.#open
  }

  /** @internal Calls back at the end of `close`, at once if that has been. */
  whenClosed(callback: () => void): void {
    if (this.#open) this.#whenClosed.push(callback)
    else callback()
  }

  /**
   * @param given of a client, or of one of its sockets
   * @throws SpillwayError SPILLWAY_INVALID_OPTION
   */
  #idOf(given: string): string {
    const id = parseOptions(args.clientId, given, 'id')
    return this.#parts.tap.channelOfSocket(id)?.id ?? id
  }
}
