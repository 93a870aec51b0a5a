import type { AdapterFault } from '../base/outcomes.ts'
import { timers } from '../base/timers.ts'
import { replaceMethod } from '../socketio/override.ts'

/** A Redis client that an adapter uses, of the package `redis` or `ioredis`. */
export interface AdapterClient {
  on(event: string, listener: (error: Error) => void): unknown
}

/** Called with each error of a Redis client. */
export type ReportFault = (kind: AdapterFault, error: unknown) => void

/**
 * Commands of either package whose promises the adapters don't handle. If the connection is lost
 * meanwhile, the unhandled rejection would end the process.
 */
const DROPPED = [
  ...['publish', 'sPublish', 'spublish', 'set'],
  ...['subscribe', 'pSubscribe', 'psubscribe', 'sSubscribe', 'ssubscribe'],
  ...['unsubscribe', 'pUnsubscribe', 'punsubscribe', 'sUnsubscribe', 'sunsubscribe'],
]

/** The streams adapter retries a failed read at once, so an immediate failure would block the loop. */
const READS = ['xRead', 'xread']
const READ_AGAIN_MS = 100

/** Reporters by client. A client stays guarded without reporters, since it may outlive the Spillway. */
const guarded = new WeakMap<object, Set<ReportFault>>()

/**
 * Reports the errors of a Redis client and of its duplicates, and keeps them from ending the process.
 * Whoever awaits a command still gets its rejection.
 */
export function guardClient(client: AdapterClient, report: ReportFault): void {
  const reports = guarded.get(client) ?? new Set()
  reports.add(report)
  if (guarded.has(client)) return
  guarded.set(client, reports)
  const tell: ReportFault = (kind, error) => {
    for (const each of reports) each(kind, error)
  }
  client.on('error', (error) => tell('error', error))
  for (const name of DROPPED) {
    shadow(client, name, (answer) => {
      if (answer instanceof Promise) answer.catch((error) => tell('rejected', error))
      return answer
    })
  }
  for (const name of READS) pauseAfterFailure(client, name)
  shadow(client, 'duplicate', (copy) => {
    if (isAdapterClient(copy)) for (const each of reports) guardClient(copy, each)
    return copy
  })
}

/** Stops reporting the client's errors to `report`. */
export function ignoreClient(client: object, report: ReportFault): void {
  guarded.get(client)?.delete(report)
}

/** Whether a value can emit `error`, as clients of both packages do. */
export function isAdapterClient(value: unknown): value is AdapterClient {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, 'on') === 'function'
  )
}

function shadow(client: object, name: string, result: (returned: unknown) => unknown): void {
  wrap(client, name, (command, args) => result(command(...args)))
}

/** Delays the call after a failed one, so that no answer arrives a microtask later than unguarded. */
function pauseAfterFailure(client: object, name: string): void {
  let pause: Promise<void> | undefined
  const begin = (): Promise<void> =>
    new Promise((resolve) => {
      timers.setTimeout(() => {
        pause = undefined
        resolve()
      }, READ_AGAIN_MS)
    })
  wrap(client, name, (command, args) => {
    const call = (): unknown => {
      const answer = command(...args)
      if (answer instanceof Promise) {
        answer.catch(() => {
          pause ??= begin()
        })
      }
      return answer
    }
    return pause ? pause.then(call) : call()
  })
}

type Command = (...args: unknown[]) => unknown

function wrap(
  client: object,
  name: string,
  call: (command: Command, args: unknown[]) => unknown,
): void {
  const commands = client as Record<string, Command>
  if (typeof commands[name] !== 'function') return
  replaceMethod(
    commands,
    name,
    (command) =>
      (...args) =>
        call(command, args),
  )
}
