import type { AdapterFault } from '../base/outcomes.ts'
import { timers } from '../base/timers.ts'
import { replaceMethod } from '../socketio/override.ts'

/** A client of Redis that an adapter speaks through, of `redis` or `ioredis`. */
export interface AdapterClient {
  on(event: string, listener: (error: Error) => void): unknown
}

export type ReportFault = (kind: AdapterFault, error: unknown) => void

/**
 * The commands, of either library, whose promises the adapters drop. If a connection is lost while
 * one is under way, its rejection is handled by nobody, which ends a Node process.
 */
const DROPPED = [
  ...['publish', 'sPublish', 'spublish', 'set'],
  ...['subscribe', 'pSubscribe', 'psubscribe', 'sSubscribe', 'ssubscribe'],
  ...['unsubscribe', 'pUnsubscribe', 'punsubscribe', 'sUnsubscribe', 'sunsubscribe'],
]

/** The streams adapter reads again at once, so a client that refuses at once would hold the loop. */
const READS = ['xRead', 'xread']
const READ_AGAIN_MS = 100

/** Who is told of a client's faults. A client stays guarded: it may outlive whoever listens. */
const guarded = new WeakMap<object, Set<ReportFault>>()

/**
 * Has the errors of a client, and of its duplicates, reported, and keeps any of them from ending
 * the process. What a command is rejected with still reaches whoever awaits it.
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

/** Tells no more of the client's faults. */
export function ignoreClient(client: object, report: ReportFault): void {
  guarded.get(client)?.delete(report)
}

export function isAdapterClient(value: unknown): value is AdapterClient {
  return (
    typeof value === 'object' && value !== null && typeof Reflect.get(value, 'on') === 'function'
  )
}

function shadow(client: object, name: string, result: (returned: unknown) => unknown): void {
  wrap(client, name, (command, args) => result(command(...args)))
}

/** Delays the next call instead of the answer, which arrives in the same microtask as without this. */
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
