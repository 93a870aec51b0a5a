import type { Server, Socket } from 'socket.io'
import {
  type AttachOptions,
  attachOptions,
  checkWatermarks,
  parseOptions,
} from '../schemas/options.ts'
import type { ClientStats, ClosedClient, SpillwayStats } from '../schemas/stats.ts'
import type { Channel } from './channel.ts'
import { Classifier } from './classifier.ts'
import { Clients } from './clients.ts'
import { systemClock } from './clock.ts'
import type { Episode, ShedSummary } from './episode.ts'
import { refuse } from './errors.ts'
import type { Limits } from './limits.ts'
import { CompiledMessages, type MessageMap, type NamespaceMap } from './messages.ts'
import { Reporter } from './reporter.ts'
import { spillwayStatsOf } from './snapshot.ts'
import { Tap, type TappedServer } from './tap.ts'
import type { NamespaceOf, ServerOf, SpillwayOptions } from './types.ts'
import type { Millis } from './units.ts'

/** Servers that have a Spillway. */
const attached = new WeakSet<object>()

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
  /** Emits `congested`, `recovered`, `closed`, `invalid` and `fault`. */
  readonly events: Reporter
  readonly #options: AttachOptions
  readonly #classifier: Classifier
  readonly #clients: Clients
  readonly #tap: Tap
  #open = true

  /** @internal Use {@link attach}. */
  constructor(io: Server, given: SpillwayOptions<M, N>) {
    const options = parseOptions(attachOptions, given)
    const { mode, stallAfter, grace, validate } = options
    const limits = { mode, stallAfter, grace, ...checkWatermarks(options.watermarks) }
    const messages = new CompiledMessages(
      options.messages as MessageMap,
      options.namespaces as NamespaceMap,
      options.maxAge,
    )
    const tapped = checkServer(io)
    this.io = io as unknown as ServerOf<M>
    this.#options = options
    this.events = new Reporter(options.log, systemClock)
    this.#classifier = new Classifier({
      messages,
      validate,
      recovery: Boolean(tapped.opts?.connectionStateRecovery),
      onInvalid: (report) => this.events.invalid(report),
      onFault: (where, error) => this.events.fault(where, error),
    })
    this.#clients = new Clients(
      limits,
      options.closedHistory,
      options.tickBudget,
      systemClock,
      this.events,
      {
        recovered: (channel, episode, now) => this.#onRecovered(channel, episode, now),
        isJoined: (socket) => this.#tap.isJoined(socket),
      },
    )
    this.#tap = new Tap(tapped, this.#classifier, systemClock, (conn, write, close) =>
      this.#clients.open(conn, write, close),
    )
    this.#clients.start()
    attached.add(io)
    if ((tapped.engine?.opts ?? tapped.opts)?.perMessageDeflate) {
      this.events.warn(
        { option: 'perMessageDeflate' },
        'perMessageDeflate is on: sizes are counted before compression',
      )
    }
  }

  /** The limits in force. */
  get limits(): Limits {
    return this.#clients.limits
  }

  /**
   * Changes the mode while the server runs. Going to `observe` hands over what is queued at once.
   *
   * @throws SpillwayError SPILLWAY_INVALID_OPTION
   */
  setMode(mode: 'enforce' | 'observe'): void {
    const parsed = parseOptions(attachOptions.shape.mode, mode, 'mode')
    this.#clients.limits = { ...this.limits, mode: parsed }
    if (parsed === 'observe') this.#clients.release()
  }

  /** A namespace of the server, with emits typed by its message map. */
  of<Name extends keyof N & string>(name: Name): NamespaceOf<Extract<N[Name], MessageMap>> {
    return this.io.of(name) as unknown as NamespaceOf<Extract<N[Name], MessageMap>>
  }

  /** Totals. O(waiting clients + annotated events). */
  stats(): SpillwayStats {
    return spillwayStatsOf({
      limits: this.limits,
      connected: this.#clients.size,
      congested: this.#clients.congestedNow,
      waiting: this.#clients.watched,
      rules: this.#classifier.rules(),
      closed: this.#clients.history.counts,
      latencies: this.#clients.latencies,
    })
  }

  /**
   * One client.
   *
   * @param id the client's id here, or the id of one of its Socket.IO sockets
   */
  client(id: string): ClientStats | undefined {
    return this.#clients.get(id) ?? this.#clients.get(this.#tap.channelOfSocket(id)?.id ?? '')
  }

  /** All clients, unordered. O(clients). */
  clients(): Iterable<ClientStats> {
    return this.#clients.all()
  }

  /** The closed clients that are remembered, latest first. */
  closed(): readonly ClosedClient[] {
    return this.#clients.history.latest()
  }

  /** Hands over what is queued, lets go of the server and gives it its own methods back. */
  close(): void {
    if (!this.#open) return
    this.#open = false
    this.#clients.close()
    this.#tap.close()
    attached.delete(this.io)
  }

  #onRecovered(channel: Channel, episode: Episode, now: Millis): void {
    this.events.recovered({ id: channel.id }, episode.summary(now))
    const onShed = this.#options.onShed as
      | ((socket: Socket, summary: ShedSummary) => unknown)
      | undefined
    if (!onShed) return
    for (const [namespace, summary] of episode.byNamespace(now)) {
      this.events.later('onShed', () => {
        const socket = this.#tap.socketOf(namespace, channel) as Socket | undefined
        return socket && onShed(socket, summary)
      })
    }
  }
}

function checkServer(io: Server): TappedServer {
  if (typeof io === 'object' && io !== null && attached.has(io)) {
    throw refuse(
      'SPILLWAY_ALREADY_ATTACHED',
      'io',
      'a server that has a Spillway',
      'one Spillway a server; close() the other first',
    )
  }
  return Tap.check(io)
}
