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

/** Where a schema leaves open that it describes a function, so that it was not refused at boot. */
const CALLBACK_MISSING = '(callback): is no argument; { ack } annotates what it is answered'

/** By its words: the schema may be of another copy of zod, whose class is another one. */
const ASYNCHRONOUS = new z.core.$ZodAsyncError().message

export interface ClassifierOptions {
  readonly messages: CompiledMessages
  readonly validate: 'report' | 'throw' | 'off'
  readonly onInvalid: (report: InvalidPayload) => void
  /** Something of the application threw: the message goes on without it. */
  readonly onFault: (where: string, error: Error) => void
  readonly clock: Pick<Clock, 'now'>
}

/** From a flat object to a regular expression that has run away. */
const VALIDATION_BUCKETS: readonly Millis[] = [
  0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 10, 50, 100, 500, 1000, 10_000,
]

/** What the payload of an event was taken for. */
export interface Verdict {
  readonly rule: Rule
  /** For the event when it must not be shed. */
  readonly critical: Rule
  readonly isInvalid: boolean
  /** Of messages of the rule in one namespace that replace each other. */
  readonly key: string | undefined
  /** How many arguments it was emitted with, or else those that its schema describes at most. */
  readonly arity: number
}

/** What the node that has emitted a message says of it to others. */
export interface Remark {
  readonly invalid?: boolean
  /** What `conflateBy` has returned, as a text; null if that was nothing. */
  readonly key?: string | null
}

/**
 * Decides by its schema what a packet is. A payload is judged once, by the node that emits it, as it
 * is given there. What another node or a store makes of it may not be valid any more: there the event
 * alone counts, of a union the branch, and what the other node has remarked.
 */
export class Classifier {
  /** For what has no annotation: other events, and packets that are not events. */
  readonly unannotated: Rule = makeRule(OTHER, OTHER, { class: 'critical' })
  /** How long the payloads' schemas have taken, of the event loop. */
  readonly validation = new Histogram(VALIDATION_BUCKETS)
  readonly #options: ClassifierOptions

  constructor(options: ClassifierOptions) {
    this.#options = options
  }

  /** Every rule that messages are counted under. */
  *rules(): Generator<Rule> {
    yield this.unannotated
    yield* this.#options.messages.rules()
  }

  /**
   * @param verdict of an event; undefined if it has no annotation
   * @param isReplay it is sent again, to a client that has come back
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
    // all fields, since those that are missing would be looked for in the prototype; a spread is slow
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
    // an event that carries an ack id is never shed: its answer is waited for
    return packet.id === undefined ? verdict.rule : verdict.critical
  }

  /**
   * Validates an event that is emitted here.
   *
   * @param data its name and its arguments, as they were emitted
   * @param wantsAnswer whether it was emitted with a callback, which is none of the arguments
   * @returns undefined if it has no annotation
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
    // what wants an answer is critical
    const key = wantsAnswer ? undefined : this.#keyOf(rule, payload)
    return { rule, critical, isInvalid: issues !== undefined, key, arity: args.length }
  }

  /**
   * Of an event that another node has emitted, or that a store has kept.
   *
   * @returns undefined if it has no annotation
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

  /** @returns what is wrong, `undefined` if nothing is */
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

/** None that every object has, such as `constructor`. */
function propertyOf(payload: unknown, key: string): unknown {
  const isEverybodys = key in Object.prototype && !Object.hasOwn(Object(payload), key)
  return isEverybodys ? undefined : (payload as Record<string, unknown> | undefined)?.[key]
}

/**
 * As JSON would have it, so that messages that have the same key here have the same on other nodes:
 * a date is a text, and what is no finite number is none.
 *
 * @throws TypeError if it is no scalar
 */
function keyText(given: unknown): string | undefined {
  const value = isObject(given) && typeof given.toJSON === 'function' ? given.toJSON() : given
  if (value === undefined || value === null) return undefined
  if (typeof value === 'number' && !Number.isFinite(value)) return undefined
  if (typeof value === 'object' || typeof value === 'function' || typeof value === 'symbol') {
    // what an asynchronous function rejects with is of no use here, and would end the process
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

/** Socket.IO takes anything for a name that its encoder takes; nothing of its code runs here. */
function nameOf(name: unknown): string {
  return typeof name === 'string' ? name : describe(name)
}
