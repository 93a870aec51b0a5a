import { EventEmitter } from 'node:events'
import type { Logger } from '../../schemas/given-objects.ts'
import type { Policy } from '../../schemas/policy.ts'
import type { ClosedClient } from '../../schemas/stats.ts'
import type { Clock } from '../base/clock.ts'
import { type AdapterFault, CLOSINGS } from '../base/outcomes.ts'
import { shown, shownIn } from '../base/printable.ts'
import { timers } from '../base/timers.ts'
import type { Millis } from '../base/units.ts'
import { Callbacks, guard } from './callbacks.ts'
import type { ClientBrief, RefusedClient } from './client-identity.ts'
import { diagnose } from './diagnostics.ts'
import type { ShedSummary } from './shed-episode.ts'

/** Report of a payload that failed its schema: where it failed, without the payload. */
export interface InvalidPayload {
  readonly namespace: string
  readonly event: string
  /** zod's `path: code` of each issue. Keys that only occur in the payload are `*`. */
  readonly issues: readonly string[]
}

/** A change of the policy (mode, watermarks, `maxAge`) while the server runs. */
export interface PolicyChanged {
  readonly from: Policy
  readonly to: Policy
  /** Author of the change, as the caller of `setPolicy` describes him. */
  readonly by: object | undefined
}

/** Events of `spillway.events`, with the arguments of their listeners. */
export interface SpillwayEvents {
  /** A client became congested: more was buffered for it than `watermarks.high`. */
  congested: [client: ClientBrief]
  /** A client caught up, after it was congested or messages were shed for it. */
  recovered: [client: ClientBrief, summary: ShedSummary]
  closed: [client: ClosedClient]
  policy: [change: PolicyChanged]
  invalid: [report: InvalidPayload]
  /** A callback of the application threw, or an adapter failed. */
  fault: [where: string, error: Error]
}

/** Rate limit of log lines: one per kind in this time. The others are counted. */
const LOG_INTERVAL: Millis = 5000
/** Kinds of log lines that are counted apart. One more resets all counts. */
const LOG_KINDS = 1000

/**
 * Reports to the application, by events, rate-limited log lines and diagnostics channels. Listeners
 * run in a later turn of the event loop, and their errors never reach the scheduler.
 */
export class Reporter extends EventEmitter<SpillwayEvents> {
  /** @internal Scheduled and running calls of listeners and callbacks. */
  readonly callbacks = new Callbacks()
  readonly #log: Logger | undefined
  readonly #clock: Clock
  readonly #lines = new Map<string, Line>()

  constructor(log: Logger | undefined, clock: Clock) {
    super()
    this.#log = log
    this.#clock = clock
  }

  /** @param condition the client's figures when it was closed, for the log */
  closed(client: ClosedClient, condition: object): void {
    const { level } = CLOSINGS[client.code]
    this.#write(level, `closed ${client.code}`, { client, ...condition }, 'client closed')
    diagnose('spillway:client:closed', client)
    this.#tell('closed', client)
  }

  /**
   * Logs that a client was closed for the byte budget because of what it was sent on connecting.
   *
   * @param next what happens to the next clients of its address, for the sentence
   */
  closedOnConnecting(client: ClientBrief, next: string): void {
    const message = `closed for what it was sent on connecting; whoever connects from its address ${next}`
    this.#write('warn', `closed on connecting ${next}`, { client }, message)
  }

  congested(client: ClientBrief): void {
    diagnose('spillway:client:congested', { client: client.id })
    this.#tell('congested', client)
  }

  /** @param condition the client's figures now, for the log */
  recovered(client: ClientBrief, summary: ShedSummary, condition: object): void {
    this.#write('info', 'recovered', { client, summary, ...condition }, 'client has caught up')
    diagnose('spillway:client:recovered', { client: client.id, summary })
    this.#tell('recovered', client, summary)
  }

  /**
   * Logs that messages are still being shed for a client.
   *
   * @param summary messages shed since the previous such line
   * @param condition the client's figures now, for the log
   */
  shedding(client: ClientBrief, summary: ShedSummary, condition: object): void {
    this.#write('info', 'shedding', { client, summary, ...condition }, 'client has not caught up')
  }

  refused(client: RefusedClient): void {
    this.#write('warn', `refused ${client.reason}`, { client }, 'new client refused')
    diagnose('spillway:client:refused', client)
  }

  policy(change: PolicyChanged): void {
    // not rate-limited: changes of the policy are an audit log
    this.#put('warn', change, 'policy changed')
    this.#tell('policy', change)
  }

  invalid(report: InvalidPayload): void {
    const kind = `invalid ${report.namespace} ${report.event}`
    this.#write('warn', kind, { ...report }, 'payload fails its schema; sent as critical')
    this.#tell('invalid', report)
  }

  fault(where: string, error: Error): void {
    const fields = { where, ...bare(error) }
    this.#write('error', `fault ${where}`, fields, 'application callback failed')
    this.#tell('fault', where, error)
  }

  /** Reports a fault between the nodes of a cluster. Clients of this node are still sent to. */
  adapter(where: string, kind: AdapterFault, error: Error): void {
    const fields = { where, kind, error: reasonOf(error) }
    this.#write('error', `${where} ${kind}`, fields, 'adapter failed')
    this.#tell('fault', where, error)
  }

  warn(fields: object, message: string): void {
    this.#write('warn', message, fields, message)
  }

  /** Runs a callback of the application in a later turn of the loop. */
  later(where: string, callback: () => unknown): void {
    this.callbacks.later(callback, (error) => this.fault(where, error))
  }

  /** Emits an event. A failing listener is only logged, since a `fault` event could reach it again. */
  #tell<E extends keyof SpillwayEvents>(event: E, ...args: SpillwayEvents[E]): void {
    if (this.listenerCount(event) === 0) return
    const failed = (error: Error) =>
      this.#write('error', `listener ${event}`, bare(error), `listener of ${event} failed`)
    this.callbacks.later(() => {
      for (const listener of this.rawListeners(event)) {
        void guard(() => Reflect.apply(listener, this, args), failed)
      }
    }, failed)
  }

  /** Logs how many lines were omitted so far, and clears all timers. */
  close(): void {
    for (const line of this.#lines.values()) {
      timers.clearTimeout(line.timer)
      this.#tellOmitted(line)
    }
    this.#lines.clear()
  }

  #write(level: keyof Logger, kind: string, fields: object, message: string): void {
    if (!this.#log) return
    const now = this.#clock.now()
    const line = this.#lines.get(kind)
    if (line && now - line.at < LOG_INTERVAL) {
      line.omitted++
      // logs the count even if no other line of this kind follows
      line.timer ??= timers
        .setTimeout(() => {
          line.timer = undefined
          this.#tellOmitted(line)
        }, LOG_INTERVAL)
        .unref()
      return
    }
    if (this.#lines.size >= LOG_KINDS) this.close()
    const omitted = line?.omitted ?? 0
    if (line) {
      timers.clearTimeout(line.timer)
      line.omitted = 0
    }
    this.#lines.set(kind, { level, message, at: now, omitted: 0, timer: undefined })
    this.#put(level, omitted > 0 ? { ...fields, omitted } : fields, message)
  }

  #tellOmitted(line: Line): void {
    const { level, message, omitted } = line
    line.omitted = 0
    if (omitted > 0) this.#put(level, { omitted }, `${message}; and others, left out here`)
  }

  #put(level: keyof Logger, fields: object, message: string): void {
    try {
      this.#log?.[level](shownIn(fields), `spillway: ${shown(message)}`)
    } catch {
      // a failing logger is the only place where its failure could be reported
    }
  }
}

/** The latest log line of a kind, and the number of lines omitted since. */
interface Line {
  readonly level: keyof Logger
  readonly message: string
  readonly at: Millis
  omitted: number
  timer: NodeJS.Timeout | undefined
}

/** Name and stack of an error without its message, which may quote the payload (`conflateBy`). */
function bare({ name, stack = '' }: Error): { error: string; stack: string } {
  const frames = stack.split('\n').filter((line) => /^ {4}at .*:\d+\)?$/.test(line))
  return { error: name, stack: frames.join('\n') }
}

/**
 * An adapter's error for the log. Of a Redis reply only the code, since the rest may quote a
 * payload.
 */
function reasonOf({ name, message, ...rest }: Error & { code?: unknown }): string {
  const [reply] = /^[A-Z]{2,}(?= )/.exec(message) ?? []
  return reply ?? (message || String(rest.code ?? name))
}
