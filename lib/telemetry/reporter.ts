import { EventEmitter } from 'node:events'
import type { Logger, Policy } from '../../schemas/options.ts'
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

/** A payload that failed its schema. It holds no payload, only where it failed. */
export interface InvalidPayload {
  readonly namespace: string
  readonly event: string
  /** zod's paths and codes; in a path, keys that only the payload knows are `*`. */
  readonly issues: readonly string[]
}

/** Limits that were changed while the server runs. */
export interface PolicyChanged {
  readonly from: Policy
  readonly to: Policy
  /** Who did it, as the caller says. */
  readonly by: object | undefined
}

/** What the handle emits, besides its logs. */
export interface SpillwayEvents {
  /** A client was above `high`. */
  congested: [client: ClientBrief]
  /** A client that was congested, or that messages were shed for, has caught up. */
  recovered: [client: ClientBrief, summary: ShedSummary]
  closed: [client: ClosedClient]
  policy: [change: PolicyChanged]
  invalid: [report: InvalidPayload]
  /** Something of the application threw where nothing may throw, or an adapter failed. */
  fault: [where: string, error: Error]
}

/** A kind of log line is written at most once in this time; the rest is counted. */
const LOG_INTERVAL: Millis = 5000
/** Kinds of lines that are told apart; past it the counts start anew. */
const LOG_KINDS = 1000

/**
 * Tells the application what happened. Nothing that it calls can throw into the scheduler, and
 * everything is told in a later turn of the loop.
 */
export class Reporter extends EventEmitter<SpillwayEvents> {
  /** @internal The calls that are under way. */
  readonly callbacks = new Callbacks()
  readonly #log: Logger | undefined
  readonly #clock: Clock
  readonly #lines = new Map<string, Line>()

  constructor(log: Logger | undefined, clock: Clock) {
    super()
    this.#log = log
    this.#clock = clock
  }

  /** @param condition how the client was when it was closed, for the log */
  closed(client: ClosedClient, condition: object): void {
    const { level } = CLOSINGS[client.code]
    this.#write(level, `closed ${client.code}`, { client, ...condition }, 'client closed')
    diagnose('spillway:client:closed', client)
    this.#tell('closed', client)
  }

  /**
   * Told once of an address.
   *
   * @param next what becomes of whoever connects from it
   */
  closedOnConnecting(client: ClientBrief, next: string): void {
    const message = `closed for what it was sent on connecting; whoever connects from its address ${next}`
    this.#write('warn', `closed on connecting ${next}`, { client }, message)
  }

  congested(client: ClientBrief): void {
    diagnose('spillway:client:congested', { client: client.id })
    this.#tell('congested', client)
  }

  /** @param condition how the client is now, for the log */
  recovered(client: ClientBrief, summary: ShedSummary, condition: object): void {
    this.#write('info', 'recovered', { client, summary, ...condition }, 'client has caught up')
    diagnose('spillway:client:recovered', { client: client.id, summary })
    this.#tell('recovered', client, summary)
  }

  /**
   * The client has not caught up.
   *
   * @param summary of what was shed since this was last told
   * @param condition how the client is now, for the log
   */
  shedding(client: ClientBrief, summary: ShedSummary, condition: object): void {
    this.#write('info', 'shedding', { client, summary, ...condition }, 'client has not caught up')
  }

  refused(client: RefusedClient): void {
    this.#write('warn', `refused ${client.reason}`, { client }, 'new client refused')
    diagnose('spillway:client:refused', client)
  }

  policy(change: PolicyChanged): void {
    // an audit leaves nothing out
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

  /** Something is wrong between the nodes; who is connected here is sent to all the same. */
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

  /** A listener that fails is logged and nothing else: `fault` would tell it of itself. */
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

  /** Tells what was left out so far, and stops waiting for more. */
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
      // nothing may follow that would tell of it
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
      // a logger that fails has nobody to tell
    }
  }
}

/** The latest line of a kind, and how many were left out since. */
interface Line {
  readonly level: keyof Logger
  readonly message: string
  readonly at: Millis
  omitted: number
  timer: NodeJS.Timeout | undefined
}

/** An error for a log, without its message: that of a `conflateBy` may quote the payload. */
function bare({ name, stack = '' }: Error): { error: string; stack: string } {
  const frames = stack.split('\n').filter((line) => /^ {4}at .*:\d+\)?$/.test(line))
  return { error: name, stack: frames.join('\n') }
}

/** An error of an adapter for a log: of what Redis answers only the code, as it may quote a payload. */
function reasonOf({ name, message, ...rest }: Error & { code?: unknown }): string {
  const [reply] = /^[A-Z]{2,}(?= )/.exec(message) ?? []
  return reply ?? (message || String(rest.code ?? name))
}
