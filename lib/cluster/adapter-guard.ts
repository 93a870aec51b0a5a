import type { EventEmitter } from 'node:events'
import type { Clock } from '../base/clock.ts'
import { toError } from '../base/errors.ts'
import { ADAPTER_FAULTS, type AdapterFault } from '../base/outcomes.ts'
import { stateOf } from '../base/promise-state.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'
import { note, replaceMethod } from '../socketio/override.ts'
import type { Reporter } from '../telemetry/reporter.ts'
import { OrderedAnswers } from './ordered-answers.ts'
import { type AdapterClient, guardClient, ignoreClient, isAdapterClient } from './redis-client.ts'

/** The members of an adapter that matter here, all optional. */
interface WatchedAdapter {
  on?(event: 'error', listener: (error: unknown) => void): unknown
  off?(event: 'error', listener: (error: unknown) => void): unknown
  /** ClusterAdapter of socket.io-adapter awaits this before it delivers to the clients of this node. */
  publishAndReturnOffset?(message: unknown): Promise<unknown>
  /** Socket.IO's own adapters may return no promise. */
  restoreSession?(pid: string, offset: string): unknown
  serverCount?(): Promise<number>
  /** The publishing client of @socket.io/redis-adapter. */
  readonly pubClient?: unknown
  readonly subClient?: unknown
}

interface AdaptedNamespace {
  readonly name: string
  readonly adapter: object
}

interface AdaptedServer extends EventEmitter {
  readonly _nsps?: ReadonlyMap<string, Pick<AdaptedNamespace, 'adapter'>>
  adapter?(...args: unknown[]): unknown
}

/** Notified when the adapter of a namespace changes. */
export interface AdaptersHost {
  /** Called when a namespace has got its adapter, or another one. */
  adopted(namespace: string): void
  /** Called when the guard is closed, or before an adapter is replaced. */
  released(adapter: object): void
}

const NOTHING: ReadonlyArray<() => void> = []
const NO_HOST: AdaptersHost = { adopted() {}, released() {} }

const kWatched = Symbol('spillway.watched')

interface MarkedAdapter extends WatchedAdapter {
  [kWatched]?: {
    readonly by: AdapterGuard
    readonly namespace: string
    /** Functions that restore the adapter's methods. */
    readonly restores: ReadonlyArray<(() => void) | undefined>
  }
}

function whereOf(namespace: string | undefined): string {
  return `adapter of ${namespace}`
}

/** Longer than other timeouts, since the adapter reads all missed messages of a session from Redis. */
const LONGEST_RESTORE: Millis = 5000

/**
 * Guards the adapters that connect a server with other nodes. Their failures are reported, and neither
 * end the process nor delay the clients of this node for long.
 */
export class AdapterGuard {
  readonly #io: AdaptedServer
  readonly #clock: Clock
  readonly #reporter: Reporter
  readonly #clients = new Set<object>()
  readonly #faults = zeros()
  readonly #host: AdaptersHost
  /** One listener for all adapters, since clients can create thousands of dynamic namespaces. */
  readonly #onError: (error: unknown) => void
  readonly #restoreAdapter: (() => void) | undefined
  #open = true

  constructor(io: AdaptedServer, clock: Clock, reporter: Reporter, host: AdaptersHost = NO_HOST) {
    this.#host = host
    const report = (where: string, error: unknown) => this.#report(where, 'error', error)
    this.#onError = function (this: MarkedAdapter, error) {
      report(whereOf(this[kWatched]?.namespace), error)
    }
    this.#io = io
    this.#clock = clock
    this.#reporter = reporter
    io.on('new_namespace', this.#watch)
    if (typeof io.adapter === 'function') {
      this.#restoreAdapter = replaceMethod(io, 'adapter', (adapter) => (...args) => {
        if (args.length === 0) return adapter()
        // Socket.IO gives each namespace a new adapter
        this.#releaseAll()
        const result = adapter(...args)
        this.#watchAll()
        return result
      })
    }
    this.#watchAll()
  }

  get faults(): Readonly<Record<AdapterFault, number>> {
    return this.#faults
  }

  guard(client: AdapterClient): void {
    if (!this.#open) return
    this.#clients.add(client)
    guardClient(client, this.#reportClient)
  }

  /** Restores the methods of the server and its adapters, and stops reporting. */
  close(): void {
    this.#open = false
    this.#io.off('new_namespace', this.#watch)
    this.#restoreAdapter?.()
    this.#releaseAll()
    for (const client of this.#clients) ignoreClient(client, this.#reportClient)
    this.#clients.clear()
  }

  #watchAll(): void {
    for (const [name, { adapter }] of this.#io._nsps ?? []) this.#watch({ name, adapter })
  }

  #releaseAll(): void {
    for (const { adapter } of this.#io._nsps?.values() ?? []) {
      this.#host.released(adapter)
      this.#release(adapter)
    }
  }

  readonly #watch = ({ name, adapter }: AdaptedNamespace): void => {
    // before the host is notified: V8 takes 3 us to add a property once the host has changed the
    // prototype
    this.#take(name, adapter)
    this.#host.adopted(name)
  }

  #take(namespace: string, adapter: MarkedAdapter): void {
    if (adapter[kWatched]?.by === this || !Object.isExtensible(adapter)) return
    const restores = this.#patch(namespace, adapter)
    note(adapter, kWatched, { by: this, namespace, restores })
    adapter.on?.('error', this.#onError)
    const { pubClient, subClient } = adapter
    for (const client of [pubClient, subClient]) if (isAdapterClient(client)) this.guard(client)
  }

  #release(adapter: MarkedAdapter): void {
    const watched = adapter[kWatched]
    if (watched?.by !== this) return
    Reflect.deleteProperty(adapter, kWatched)
    adapter.off?.('error', this.#onError)
    for (const restore of watched.restores) restore?.()
  }

  /**
   * Patches the methods of an adapter that wait for other nodes.
   *
   * @returns functions that restore them
   */
  #patch(namespace: string, adapter: WatchedAdapter): ReadonlyArray<(() => void) | undefined> {
    const hasClient = isAdapterClient(adapter.pubClient)
    // an in-memory adapter needs no patch, and a client can create thousands of them
    if (!adapter.publishAndReturnOffset && !hasClient) return NOTHING
    const where = whereOf(namespace)
    const restores: Array<(() => void) | undefined> = []
    if (adapter.publishAndReturnOffset) {
      const answers = new OrderedAnswers(this.#clock, (isFirst, error) => {
        if (isFirst) this.#report(where, 'late', error)
        else this.#count('late')
      })
      restores.push(this.#patchPublish(where, adapter, answers, hasClient))
      if (adapter.restoreSession) restores.push(this.#patchRestore(where, adapter, answers))
    }
    if (adapter.serverCount) restores.push(this.#patchCount(where, adapter))
    return restores
  }

  /** Keeps the order of published packets, and their wait for an answer short. */
  #patchPublish(
    where: string,
    adapter: WatchedAdapter,
    answers: OrderedAnswers,
    hasClient: boolean,
  ): (() => void) | undefined {
    return replaceMethod(adapter, 'publishAndReturnOffset', (publish) => (message) => {
      const answer = publish(message)
      if (!(answer instanceof Promise)) return answer
      // a guarded Redis client reports the rejection itself
      if (!hasClient) answer.catch((error) => this.#report(where, 'rejected', error))
      return answers.wait(answer)
    })
  }

  /** Bounds the time of restoring a session: none while the other nodes' medium is silent. */
  #patchRestore(
    where: string,
    adapter: WatchedAdapter,
    answers: OrderedAnswers,
  ): (() => void) | undefined {
    return replaceMethod(
      adapter,
      'restoreSession',
      (restore) => (pid, offset) =>
        within(answers.silent ? 0 : LONGEST_RESTORE, restore(pid, offset), (error) =>
          this.#report(where, 'late', error),
        ),
    )
  }

  /** Keeps a failed count of the nodes from ending the process. */
  #patchCount(where: string, adapter: WatchedAdapter): (() => void) | undefined {
    return replaceMethod(adapter, 'serverCount', (count) => () => {
      const answer = count()
      if (isThere(answer)) return answer
      return answer.catch((error) => {
        this.#report(where, 'rejected', error)
        // Socket.IO would not handle a rejection; a count of NaN is never reached, so its timeout applies
        return Number.NaN
      })
    })
  }

  readonly #reportClient = (kind: AdapterFault, error: unknown): void => {
    this.#report('client of an adapter', kind, error)
  }

  #report(where: string, kind: AdapterFault, error: unknown): void {
    if (!this.#open) return
    this.#count(kind)
    this.#reporter.adapter(where, kind, toError(error))
  }

  #count(kind: AdapterFault): void {
    this.#faults[kind]++
  }
}

/** Whether a result is available and no error. */
function isThere(answer: unknown): boolean {
  return !(answer instanceof Promise) || stateOf(answer) === 'fulfilled'
}

/**
 * The answer, or a rejection after `longest` milliseconds.
 *
 * @param onLate called with the error of that rejection
 */
function within(longest: Millis, answer: unknown, onLate: (error: Error) => void): unknown {
  if (!(answer instanceof Promise) || stateOf(answer) !== 'pending') return answer
  return new Promise((resolve, reject) => {
    const timer = timers
      .setTimeout(() => {
        const error = new Error('a session was not restored in time')
        onLate(error)
        reject(error)
      }, longest)
      .unref()
    answer.then(resolve, reject).finally(() => timers.clearTimeout(timer))
  })
}

function zeros(): Record<AdapterFault, number> {
  const entries = Object.keys(ADAPTER_FAULTS).map((kind) => [kind, 0])
  return Object.fromEntries(entries) as Record<AdapterFault, number>
}
