import { z } from 'zod'
import type { Schema } from '../../schemas/priority.ts'
import type { Clock } from '../base/clock.ts'
import { describe, SpillwayError, toError } from '../base/errors.ts'
import { Histogram } from '../base/histogram.ts'
import type { Millis } from '../base/units.ts'
import type { EnvelopeFields } from '../message/envelope.ts'
import type { EncodedPart } from '../message/frame.ts'
import { makeRule, type Rule } from '../message/rule.ts'
import { connectedAs, eventOf, kindOf, type Packet } from '../socketio/packet.ts'
import type { InvalidPayload } from '../telemetry/reporter.ts'
import type { CompiledEvent } from './compile-schema.ts'
import { type CompiledMessages, OTHER } from './compiled-messages.ts'
import { schemaKeys } from './schema-keys.ts'

/** Hint in the report of an invalid payload whose schema expects the callback as an argument. */
const CALLBACK_MISSING = '(callback): is no argument; { ack } annotates what it is answered'

/**
 * Message of zod's error for asynchronous schemas. `instanceof` fails if another copy of zod threw
 * it.
 */
const ASYNCHRONOUS = new z.core.$ZodAsyncError().message

/** What a classifier needs: the compiled schemas, and whom it reports to. */
export interface ClassifierOptions {
  readonly messages: CompiledMessages
  readonly validate: 'report' | 'throw' | 'off'
  readonly onInvalid: (report: InvalidPayload) => void
  /** Called when a function of the application threw. The message is sent all the same. */
  readonly onFault: (where: string, error: Error) => void
  readonly clock: Pick<Clock, 'now'>
}

/** From a flat object to a regular expression with catastrophic backtracking. */
const VALIDATION_BUCKETS: readonly Millis[] = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10, 50, 100, 500, 1000, 10_000,
]

/** The result of classifying an event's payload. */
export interface Verdict {
  readonly rule: Rule
  /** The event's critical rule, for a message that must not be shed whatever its annotation. */
  readonly critical: Rule
  readonly isInvalid: boolean
  /** Conflation key: a message replaces a queued one of the same rule, namespace and key. */
  readonly key: string | undefined
  /** Number of arguments of the emit; if unknown, the most that the schema describes. */
  readonly arity: number
}

/** Classification results that the emitting node attaches to a packet for the other nodes. */
export interface Remark {
  readonly invalid?: boolean
  /** The result of `conflateBy` as a text; null if it returned nothing. */
  readonly key?: string | null
}

/**
 * Classifies packets by the schemas of their events. Only the node that emits a payload validates it:
 * an adapter or a store may change its form (a date becomes a text). Elsewhere the event's name, the
 * branch of a union, and the emitting node's remark decide.
 */
export class Classifier {
  /** The rule of events without an annotation and of packets that are no events. */
  readonly unannotated: Rule = makeRule(OTHER, OTHER, { class: 'critical' })
  /** Time on the event loop of each validation, in milliseconds. */
  readonly validation = new Histogram(VALIDATION_BUCKETS)
  readonly #options: ClassifierOptions

  constructor(options: ClassifierOptions) {
    this.#options = options
  }

  /** All rules. Each message is counted under exactly one. */
  *rules(): Generator<Rule> {
    yield this.unannotated
    yield* this.#options.messages.rules()
  }

  /**
   * The fields of the packet's envelope.
   *
   * @param verdict classification of an annotated event; undefined for everything else
   * @param isReplay whether connection state recovery sends the packet a second time
   */
  classify(
    packet: Packet,
    parts: readonly EncodedPart[],
    now: Millis,
    verdict: Verdict | undefined,
    isReplay = false,
  ): EnvelopeFields {
    const { nsp: namespace } = packet
    const data = eventOf(packet)
    const rule = this.#ruleOf(packet, verdict)
    const isKeyed = rule === verdict?.rule && verdict.key !== undefined
    // every field is set, since a missing one would be looked up in the prototype; a spread is slow
    return {
      namespace,
      parts,
      emittedAt: now,
      isReplay,
      kind: data ? 'event' : kindOf(packet),
      event: data && nameOf(data[0]),
      rule,
      key: isKeyed ? `${rule.id} ${verdict.key} ${namespace}` : undefined,
      sid: data ? undefined : connectedAs(packet),
      bare: undefined,
    }
  }

  #ruleOf(packet: Packet, verdict: Verdict | undefined): Rule {
    if (!verdict) return this.unannotated
    // an event with an ack id is never shed, since the emitter awaits its answer
    return packet.id === undefined ? verdict.rule : verdict.critical
  }

  /**
   * Validates and classifies an event that this node emits.
   *
   * @param data name and arguments of the emit, without the callback
   * @param wantsAnswer whether the emit has a callback
   * @returns undefined for events without an annotation
   * @throws SpillwayError SPILLWAY_INVALID_PAYLOAD with `validate: 'throw'`
   */
  judge(namespace: string, data: readonly unknown[], wantsAnswer = false): Verdict | undefined {
    const event = this.#options.messages.find(namespace, data[0])
    if (!event) return undefined
    const args = data.slice(1)
    const payload = event.payloadOf(args)
    const issues = this.#validate(event.schema, payload)
    if (issues) {
      const isShort = wantsAnswer && event.arity > 1 && args.length === event.arity - 1
      this.#reportInvalid(event, isShort ? [...issues, CALLBACK_MISSING] : issues)
    }
    const rule = (issues ? undefined : event.ruleOf(payload)) ?? event.critical
    const { critical } = event
    // an event with a callback is critical, so it is never conflated
    const key = wantsAnswer ? undefined : this.#keyOf(rule, payload)
    return { rule, critical, isInvalid: issues !== undefined, key, arity: args.length }
  }

  /**
   * Classifies an event that another node has emitted or a store has kept, without validating it.
   *
   * @returns undefined for events without an annotation
   */
  resolve(namespace: string, data: readonly unknown[], remark: Remark): Verdict | undefined {
    const event = this.#options.messages.find(namespace, data[0])
    if (!event) return undefined
    const { critical, arity } = event
    const isInvalid = remark.invalid === true
    const payload = event.payloadOf(data.slice(1))
    const rule = (isInvalid ? undefined : event.ruleOf(payload)) ?? critical
    const isKeyKnown = remark.key !== undefined && typeof rule.conflateBy === 'function'
    const key = isKeyKnown ? (remark.key ?? undefined) : this.#keyOf(rule, payload)
    return { rule, critical, isInvalid, key, arity }
  }

  /** @returns path and code of each issue; `undefined` for a valid payload */
  #validate(schema: Schema, payload: unknown): string[] | undefined {
    const { validate, clock } = this.#options
    if (validate === 'off') return undefined
    const from = clock.now()
    try {
      const result = z.safeParse(schema, payload)
      if (result.success) return undefined
      return result.error.issues.map(({ path, code }) => `${pathIn(schema, path)}: ${code}`)
    } catch (thrown) {
      const isAsync = toError(thrown).message === ASYNCHRONOUS
      return [`(schema): ${isAsync ? 'is asynchronous' : `threw ${toError(thrown).name}`}`]
    } finally {
      this.validation.record(clock.now() - from)
    }
  }

  /** @throws SpillwayError with `validate: 'throw'` */
  #reportInvalid(event: CompiledEvent, issues: string[]): void {
    const { namespace, event: name, tally } = event.critical
    tally.invalid++
    if (this.#options.validate === 'throw') {
      throw new SpillwayError(
        'SPILLWAY_INVALID_PAYLOAD',
        `emit of ${JSON.stringify(name)} in ${namespace}: the payload fails its schema at ${issues.join('; ')}`,
      )
    }
    this.#options.onInvalid({ namespace, event: name, issues })
  }

  #keyOf(rule: Rule, payload: unknown): string | undefined {
    const { conflateBy } = rule
    if (conflateBy === undefined) return undefined
    try {
      const value: unknown =
        typeof conflateBy === 'string'
          ? propertyOf(payload, conflateBy)
          : conflateBy(payload as never)
      return keyText(value)
    } catch (thrown) {
      this.#options.onFault(`conflateBy of ${rule.event}`, toError(thrown))
      return undefined
    }
  }
}

/** A property of the payload, unless `Object.prototype` provides it, such as `constructor`. */
function propertyOf(payload: unknown, key: string): unknown {
  const isEverybodys = key in Object.prototype && !Object.hasOwn(Object(payload), key)
  return isEverybodys ? undefined : (payload as Record<string, unknown> | undefined)?.[key]
}

/**
 * The text of a conflation key, equal on all nodes. Values are converted as JSON converts them on the
 * way between nodes: a date becomes a text, and a number that isn't finite becomes null.
 *
 * @throws TypeError if the value is no scalar
 */
function keyText(given: unknown): string | undefined {
  const value = isObject(given) && typeof given.toJSON === 'function' ? given.toJSON() : given
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && !Number.isFinite(value)) return undefined
  if (typeof value === 'object' || typeof value === 'function' || typeof value === 'symbol') {
    // an unhandled rejection of an asynchronous `conflateBy` would end the process
    if (value instanceof Promise) value.catch(() => {})
    throw new TypeError(`a conflation key must be a scalar, it is of type ${typeof value}`)
  }
  return `${typeof value} ${value}`
}

function isObject(value: unknown): value is { readonly toJSON?: unknown } {
  return typeof value === 'object' && value !== null
}

function pathIn(schema: Schema, path: readonly PropertyKey[]): string {
  const names = schemaKeys(schema)
  const shown = path.map((key) => (typeof key === 'number' || names.has(String(key)) ? key : '*'))
  return shown.join('.') || '(payload)'
}

/** The event's name as a text. Socket.IO accepts names of any type; no method of theirs is called. */
function nameOf(name: unknown): string {
  return typeof name === 'string' ? name : describe(name)
}
