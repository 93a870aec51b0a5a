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

/** What an adapter may have; nothing of it is taken for granted. */
interface WatchedAdapter {
  on?(event: 'error', listener: (error: unknown) => void): unknown
  off?(event: 'error', listener: (error: unknown) => void): unknown
  /** socket.io-adapter's ClusterAdapter waits for it before it delivers to the clients here. */
  publishAndReturnOffset?(message: unknown): Promise<unknown>
  /** In Socket.IO's own adapters it may give no promise. */
  restoreSession?(pid: string, offset: string): unknown
  serverCount?(): Promise<number>
  /** Of @socket.io/redis-adapter. */
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

/** Is told of the adapters of a server. */
export interface AdaptersHost {
  /** A namespace has one, or is given another. */
  taken(namespace: string): void
  /** It is let go of, or replaced. */
  released(adapter: object): void
}

const NOTHING: ReadonlyArray<() => void> = []
const NOBODY: AdaptersHost = { taken() {}, released() {} }

const kWatched = Symbol('spillway.watched')

interface MarkedAdapter extends WatchedAdapter {
  [kWatched]?: {
    readonly by: AdapterGuard
    readonly namespace: string
    /** What gives it its own methods back. */
    readonly restores: ReadonlyArray<(() => void) | undefined>
  }
}

function whereOf(namespace: string | undefined): string {
  return `adapter of ${namespace}`
}

/** A session may be long: what its client has missed is read from Redis. */
const LONGEST_RESTORE: Millis = 5000

/**
 * Watches what connects a server with other nodes. Whatever happens to it, it neither ends the
 * process nor keeps the clients here waiting, and is told.
 */
export class AdapterGuard {
  readonly #io: AdaptedServer
  readonly #clock: Clock
  readonly #reporter: Reporter
  readonly #clients = new Set<object>()
  readonly #faults = zeros()
  readonly #host: AdaptersHost
  /** One for all adapters: clients can make thousands of dynamic namespaces. */
  readonly #onError: (error: unknown) => void
  readonly #restoreAdapter: (() => void) | undefined
  #open = true

  constructor(io: AdaptedServer, clock: Clock, reporter: Reporter, host: AdaptersHost = NOBODY) {
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
        // every namespace gets another
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

  /** Gives the server and its adapters their own methods back. */
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
    // first: V8 takes 3 us to add a property to an object whose prototype the host has changed
    this.#take(name, adapter)
    this.#host.taken(name)
  }

  #take(namespace: string, adapter: MarkedAdapter): void {
    if (adapter[kWatched]?.by === this || !Object.isExtensible(adapter)) return
    const restores = this.#shadow(namespace, adapter)
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

  /** @returns what gives the adapter its own methods back */
  #shadow(namespace: string, adapter: WatchedAdapter): ReadonlyArray<(() => void) | undefined> {
    const { publishAndReturnOffset, restoreSession, serverCount } = adapter
    // one in memory, of which a client may make thousands
    if (!publishAndReturnOffset && !isAdapterClient(adapter.pubClient)) return NOTHING
    const where = whereOf(namespace)
    const hasClient = isAdapterClient(adapter.pubClient)
    const restores: Array<(() => void) | undefined> = []
    if (publishAndReturnOffset) {
      const answers = new OrderedAnswers(this.#clock, (isFirst, error) => {
        if (isFirst) this.#report(where, 'late', error)
        else this.#count('late')
      })
      const published = replaceMethod(adapter, 'publishAndReturnOffset', (publish) => (message) => {
        const answer = publish(message)
        if (!(answer instanceof Promise)) return answer
        // a client that is guarded tells of it itself
        if (!hasClient) answer.catch((error) => this.#report(where, 'rejected', error))
        return answers.wait(answer)
      })
      restores.push(published)
      if (restoreSession) {
        const restored = replaceMethod(
          adapter,
          'restoreSession',
          (restore) => (pid, offset) =>
            within(answers.silent ? 0 : LONGEST_RESTORE, restore(pid, offset), (error) =>
              this.#report(where, 'late', error),
            ),
        )
        restores.push(restored)
      }
    }
    if (serverCount && (publishAndReturnOffset || hasClient)) {
      const counted = replaceMethod(adapter, 'serverCount', (count) => () => {
        const answer = count()
        if (isThere(answer)) return answer
        return answer.catch((error) => {
          this.#report(where, 'rejected', error)
          // Socket.IO does not look after a rejection; as many answers never come
          return Number.NaN
        })
      })
      restores.push(counted)
    }
    return restores
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

/** Whether whoever awaits it has nothing to wait for, and gets no error: it is passed on as it is. */
function isThere(answer: unknown): boolean {
  return !(answer instanceof Promise) || stateOf(answer) === 'fulfilled'
}

/** @param onLate called if the answer takes longer; it is then as if there was none */
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
