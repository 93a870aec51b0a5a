import type { IncomingMessage } from 'node:http'
import { isDeepStrictEqual } from 'node:util'
import type { Server, Socket } from 'socket.io'
import type { z } from 'zod'
import * as args from '../schemas/arguments.ts'
import type { MessageMap, NamespaceMap } from '../schemas/events.ts'
import {
  type AttachOptions,
  attachOptions,
  checkShutdown,
  checkWatermarks,
  type Policy,
  type PolicyChange,
  parseOptions,
  policyChange,
  RETRY_AFTER,
} from '../schemas/options.ts'
import { withoutPrototype } from '../schemas/own-keys.ts'
import {
  type ClientQueue,
  type ClientStats,
  type ClientsPage,
  type ClosedClient,
  type ListQuery,
  listQuery,
  queueLimit,
  type SpillwayStats,
} from '../schemas/stats.ts'
import { Admission } from './admission/admission.ts'
import { Gate, whoAsks } from './admission/handshakes.ts'
import {
  checkGapEvent,
  checkServer,
  markAttached,
  refuseClosed,
  unmarkAttached,
} from './attach-checks.ts'
import { systemClock } from './base/clock.ts'
import { refuse } from './base/errors.ts'
import type { Limits } from './base/limits.ts'
import type { AdapterFault, ClosingCode, RefusalReason } from './base/outcomes.ts'
import type { Bytes, Millis } from './base/units.ts'
import type { Channel, Left } from './channel/channel.ts'
import { Classifier } from './classify/classifier.ts'
import { CompiledMessages } from './classify/message-map.ts'
import { Budget } from './clients/budget.ts'
import { conditionOf, spillwayStatsOf } from './clients/client-stats.ts'
import { Clients } from './clients/clients.ts'
import { Shutdown, type ShutdownPace } from './clients/shutdown.ts'
import { Adapters } from './cluster/adapter-guard.ts'
import { type AdapterClient, isAdapterClient } from './cluster/redis-client.ts'
import { Tap } from './intercept/tap.ts'
import type { Rule } from './message/rule.ts'
import type { SpillwayOptions } from './spillway-options.ts'
import type { ClientBrief } from './telemetry/client-identity.ts'
import { Reporter } from './telemetry/reporter.ts'
import { ShedNotices } from './telemetry/shed-notices.ts'
import type { ClosedSummary } from './telemetry/undelivered.ts'
import type { NamespaceOf, ServerOf } from './typed-server.ts'

/**
 * Puts every message that a Socket.IO server sends under a per-client scheduler.
 *
 * @param io a Server of socket.io, listening or not, with or without connections
 * @param options see {@link SpillwayOptions}; parsed once, never changed
 * @throws SpillwayError with a stable code if the server or an option can't be used
 */
export function attach<
  const M extends MessageMap = Record<never, never>,
  const N extends NamespaceMap = Record<never, never>,
>(io: Server, options: SpillwayOptions<M, N> = {}): Spillway<M, N> {
  return new Spillway<M, N>(io, options)
}

/** The handle of an attached server. */
export class Spillway<M extends MessageMap = MessageMap, N extends NamespaceMap = NamespaceMap> {
  /** The server, with emits typed by the message map. */
  readonly io: ServerOf<M>
  /** Emits `congested`, `recovered`, `closed`, `policy`, `invalid` and `fault`. */
  readonly events: Reporter
  readonly #options: AttachOptions
  readonly #classifier: Classifier
  readonly #clients: Clients
  readonly #tap: Tap
  readonly #admission: Admission
  readonly #gate: Gate
  readonly #adapters: Adapters
  #shutdown: Shutdown | undefined
  /** As they were given: `emergency` may follow from `limit`. */
  #watermarks: AttachOptions['watermarks']
  #open = true
  readonly #whenClosed: Array<() => void> = []

  /** @internal Use {@link attach}. */
  constructor(io: Server, given: SpillwayOptions<M, N>) {
    const options = parseOptions(attachOptions, given)
    const { mode, stallAfter, grace, maxAge, validate, budget, closedHistory, tickBudget } = options
    const limits = { mode, stallAfter, grace, maxAge, ...checkWatermarks(options.watermarks) }
    const messages = new CompiledMessages(
      options.messages as MessageMap,
      options.namespaces as NamespaceMap,
    )
    checkShutdown(options.shutdown)
    if (options.gapEvent !== undefined) checkGapEvent(options.gapEvent, messages)
    const tapped = checkServer(io)
    this.io = io as unknown as ServerOf<M>
    this.#options = options
    this.#watermarks = options.watermarks
    this.events = new Reporter(options.log, systemClock)
    this.#classifier = new Classifier({
      messages,
      validate,
      onInvalid: (report) => this.events.invalid(report),
      onFault: (where, error) => this.events.fault(where, error),
      clock: systemClock,
    })
    const { onShed, gapEvent, shedInterval } = options
    const notices = new ShedNotices({ onShed, gapEvent }, this.events, systemClock)
    this.#clients = new Clients({
      limits,
      budget: new Budget(budget),
      closedHistory,
      tickBudget,
      shedInterval,
      clock: systemClock,
      reporter: this.events,
      host: {
        recovered: (channel, client, episode, now) => {
          this.events.recovered(client, episode.summary(now), conditionOf(channel, now))
          notices.tell(channel, episode.byNamespace(now))
        },
        shedding: (channel, client, { total, namespaces }, now) => {
          this.events.shedding(client, total, conditionOf(channel, now))
          notices.tell(channel, namespaces)
        },
        closed: (code, left) => this.#onClosed(code, left),
        overBudget: (...closing) => this.#onOverBudget(...closing),
        gone: (conn) => this.#tap.release(conn),
        broadcasts: {
          waiting: () => this.#tap.broadcasts.waiting,
          catchUp: (conn) => this.#tap.broadcasts.catchUp(conn),
          abandon: (conn, missed) => this.#tap.broadcasts.abandon(conn, missed),
          finish: () => this.#tap.broadcasts.finish(),
        },
      },
    })
    const { admission } = options
    this.#admission = new Admission(
      admission ?? { retryAfter: RETRY_AFTER },
      admission !== undefined,
      systemClock,
      {
        overBudget: () => this.#clients.budget.isExceeded,
        refused: (client) => this.events.refused(client),
      },
    )
    this.#gate = new Gate(
      tapped,
      this.#admission,
      (conn) => this.#tap.isConnected(conn),
      systemClock,
    )
    this.#tap = new Tap(
      tapped,
      this.#classifier,
      systemClock,
      {
        fanout: this.#clients.fanout,
        ledger: this.#clients.ledger,
        observes: () => this.limits.mode === 'observe',
      },
      (conn, known) => this.#clients.open(conn, known),
      (engine) => {
        this.#gate.add(engine)
        this.#clients.strays.watch(engine)
      },
      (where, error) => this.events.fault(where, error),
    )
    try {
      this.#tap.start()
    } catch (refusal) {
      this.#clients.close()
      throw refusal
    }
    this.#adapters = new Adapters(tapped, systemClock, this.events, {
      taken: (namespace) => this.#tap.tapAdapter(namespace),
      released: (adapter) => this.#tap.releaseAdapter(adapter),
    })
    this.#clients.start()
    if (admission) {
      this.#admission.start()
      this.#gate.guard(this.#tap.engines)
    }
    markAttached(io, this)
    if ((tapped.engine?.opts ?? tapped.opts)?.perMessageDeflate) {
      this.events.warn(
        { option: 'perMessageDeflate' },
        'perMessageDeflate is on: sizes are counted before compression',
      )
    }
  }

  /** The limits as they are configured; above the budget, `low` and `high` are smaller. */
  get limits(): Limits {
    return this.#clients.configured
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
    const { mode, low, high, limit, emergency, maxAge } = this.limits
    return { mode, watermarks: { low, high, limit, emergency }, maxAge }
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
    const { watermarks, mode, maxAge } = parseOptions(policyChange, change, 'policy')
    parseOptions(args.policyAuthor, by, 'by')
    if (!this.#open) refuseClosed('setPolicy()')
    const from = this.policy
    const given = withoutPrototype({ ...this.#watermarks, ...definedIn(watermarks) })
    const bytes = checkWatermarks(given)
    this.#watermarks = given
    this.#clients.configured = { ...this.limits, ...definedIn({ mode, maxAge }), ...bytes }
    if (mode === 'observe' && from.mode !== mode) this.#clients.release()
    const to = this.policy
    if (!isDeepStrictEqual(from, to)) this.events.policy({ from, to, by })
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

  /** @internal What the metrics are made of. */
  get readings() {
    const { size: connected, congestedNow: congested, meters, census, fanout } = this.#clients
    const { bytes, ledger } = this.#clients.budget
    const budget = { limit: bytes, held: ledger.bytes }
    const { validation } = this.#classifier
    return { connected, congested, meters, census: census.latest, fanout, budget, validation }
  }

  /** @internal How many clients are in each state now. O(clients). */
  get states() {
    return this.#clients.states
  }

  /** @internal Bytes buffered for all clients. O(waiting clients). */
  get buffered(): Bytes {
    return this.#clients.buffered
  }

  /** @internal What is kept for clients: all of it is 0 when everyone has gone. */
  get sizes() {
    return this.#clients.sizes
  }

  /** @internal How many clients were closed, by code. */
  get closings(): Readonly<Record<ClosingCode, number>> {
    return this.#clients.history.counts
  }

  /** @internal How many new clients were refused, by reason. */
  get refusals(): Readonly<Record<RefusalReason, number>> {
    return this.#admission.refused
  }

  /** @internal How often something went wrong between the nodes, by kind. */
  get adapterFaults(): Readonly<Record<AdapterFault, number>> {
    return this.#adapters.faults
  }

  /** @internal */
  rules(): Iterable<Rule> {
    return this.#classifier.rules()
  }

  /** Totals. O(waiting clients + annotated events). After `close`, of what there was until then. */
  stats(): SpillwayStats {
    return spillwayStatsOf({
      limits: this.limits,
      waiting: this.#clients.watched.size,
      buffered: this.buffered,
      rules: this.#classifier.rules(),
      closed: this.closings,
      refused: this.refusals,
      ...this.readings,
      now: systemClock.now(),
    })
  }

  /**
   * One client.
   *
   * @param id the client's id here, or the id of one of its Socket.IO sockets
   * @returns undefined if there is no such client; after `close` there is none
   * @throws SpillwayError SPILLWAY_INVALID_OPTION
   */
  client(id: string): ClientStats | undefined {
    return this.#clients.get(this.#idOf(id))
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
    return this.#clients.queue(known, parseOptions(queueLimit, limit, 'limit'))
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
    return this.#clients.terminate(known)
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
    return this.#clients.exempt(known, parsed)
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
    this.#adapters.guard(client)
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
    const page = await this.#clients.list(parsed, (channel) => this.#matches(channel, parsed, now))
    if (page) return page
    const allowed =
      'the `next` of a page in the order of the same `sort`, or none for the first page'
    throw refuse('SPILLWAY_INVALID_OPTION', 'query.cursor', parsed.cursor, allowed)
  }

  /** All clients, unordered; none after `close`. O(clients). */
  clients(): Iterable<ClientStats> {
    return this.#clients.all()
  }

  /** The closed clients that are remembered, latest first; after `close`, too. */
  closed(): readonly ClosedClient[] {
    return this.#clients.history.latest()
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
    const parsed = checkShutdown({ ...this.#options.shutdown, ...given })
    if (this.#shutdown) return this.#shutdown.done
    if (!this.#open) refuseClosed('shutdown()')
    this.refuse()
    this.#shutdown = new Shutdown(this.#clients, this.events.callbacks, parsed)
    this.#clients.departures = this.#shutdown
    this.#shutdown.start()
    return this.#shutdown.done
  }

  /** @internal Waits for callbacks of the application, for as long as a shutdown may. */
  settled(): Promise<void> {
    return this.events.callbacks.settled(this.#options.shutdown.deadline)
  }

  /** @internal Refuses new clients from now on, as `shutdown` does. */
  refuse(): void {
    if (!this.#open) return
    this.#admission.shut()
    this.#gate.guard(this.#tap.engines)
  }

  /**
   * Hands over what is queued, lets go of the server and gives it its own methods back. Clients stay
   * connected. Nothing can be changed any more; what only tells something goes on. A second call
   * does nothing.
   */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#clients.departures = undefined
    this.#shutdown?.stop()
    this.#clients.finish()
    this.#tap.close()
    this.#clients.close()
    this.#gate.close()
    this.#adapters.close()
    this.#admission.close()
    this.events.close()
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
    return this.#tap.channelOfSocket(id)?.id ?? id
  }

  #matches(channel: Channel, query: ListQuery, now: Millis): boolean {
    const { congested, losing, state, namespace, room } = query
    if (losing !== undefined && channel.isLosing(now) !== losing) return false
    if (congested !== undefined && channel.congested !== congested) return false
    if (state !== undefined && channel.state(now) !== state) return false
    if (namespace === undefined && room === undefined) return true
    if (namespace !== undefined) {
      const socket = channel.socketIn(namespace)
      return socket !== undefined && (room === undefined || socket.rooms.has(room))
    }
    for (const { rooms } of channel.sockets.connected()) if (rooms.has(room!)) return true
    return false
  }

  /** Who comes back is sent the same, and would be closed for it, for ever. */
  #onOverBudget(handshake: IncomingMessage, client: ClientBrief, connectedFor: Millis): void {
    const who = whoAsks(handshake, client.address ?? undefined)
    if (!this.#open || !this.#admission.closed(who, connectedFor)) return
    this.#gate.guard(this.#tap.engines)
    this.events.closedOnConnecting(client, 'has to wait')
  }

  #onClosed(code: ClosingCode, { sockets, undelivered, inFlight }: Left): void {
    const onClosed = this.#options.onClosed as
      | ((socket: Socket, summary: ClosedSummary) => unknown)
      | undefined
    if (!onClosed) return
    for (const { socket, stayed } of sockets) {
      const summary = { code, ...undelivered.of(socket), inFlight }
      // one that had left before has been sent everything
      if (!stayed && summary.messages === 0) continue
      this.events.later('onClosed', () => onClosed(socket as unknown as Socket, summary))
    }
  }
}

/** Without what is undefined, which would hide what it is laid over. */
function definedIn<T extends object>(
  given: T | undefined,
): { [K in keyof T]?: Exclude<T[K], undefined> } {
  const entries = Object.entries(given ?? {}).filter(([, value]) => value !== undefined)
  return Object.fromEntries(entries) as { [K in keyof T]?: Exclude<T[K], undefined> }
}
