import type { EventEmitter } from 'node:events'
import { type AdapterClient, guardClient, ignoreClient, isAdapterClient } from './adapter-client.ts'
import { Answers } from './answers.ts'
import { timers } from './base/timers.ts'
import type { Clock } from './clock.ts'
import { toError } from './errors.ts'
import { ADAPTER_FAULTS, type AdapterFault } from './outcomes.ts'
import { stateOf } from './promise-state.ts'
import type { Reporter } from './reporter.ts'
import { replaceMethod } from './socketio/override.ts'
import type { Millis } from './units.ts'

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

/** A session may be long: what its client has missed is read from Redis. */
const LONGEST_RESTORE: Millis = 5000

/**
 * Watches what connects a server with other nodes. Whatever happens to it, it neither ends the
 * process nor keeps the clients here waiting, and is told.
 */
export class Adapters {
  readonly #io: AdaptedServer
  readonly #clock: Clock
  readonly #reporter: Reporter
  /** How to let go of an adapter. Those of namespaces that are no more go with them. */
  readonly #watched = new WeakMap<object, () => void>()
  readonly #clients = new Set<object>()
  readonly #faults = zeros()
  readonly #onAdapter: (namespace: string) => void
  readonly #restoreAdapter: (() => void) | undefined
  #open = true

  /** @param onAdapter told of each namespace that has one, and of each that is given another */
  constructor(
    io: AdaptedServer,
    clock: Clock,
    reporter: Reporter,
    onAdapter: (namespace: string) => void = () => {},
  ) {
    this.#onAdapter = onAdapter
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
      this.#watched.get(adapter)?.()
      this.#watched.delete(adapter)
    }
  }

  readonly #watch = ({ name, adapter }: AdaptedNamespace): void => {
    this.#onAdapter(name)
    if (!this.#watched.has(adapter)) this.#watched.set(adapter, this.#take(name, adapter))
  }

  /** @returns how to let go of it */
  #take(namespace: string, adapter: WatchedAdapter): () => void {
    const where = `adapter of ${namespace}`
    const onError = (error: unknown): void => this.#report(where, 'error', error)
    adapter.on?.('error', onError)
    const { pubClient, subClient } = adapter
    for (const client of [pubClient, subClient]) if (isAdapterClient(client)) this.guard(client)
    const restores = this.#shadow(where, adapter)
    return () => {
      adapter.off?.('error', onError)
      for (const restore of restores) restore?.()
    }
  }

  /** @returns what gives the adapter its own methods back */
  #shadow(where: string, adapter: WatchedAdapter): Array<(() => void) | undefined> {
    const { publishAndReturnOffset, restoreSession, serverCount } = adapter
    const hasClient = isAdapterClient(adapter.pubClient)
    const restores: Array<(() => void) | undefined> = []
    if (publishAndReturnOffset) {
      const answers = new Answers(this.#clock, (isFirst, error) => {
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
