import { z } from 'zod'
import type { Schema } from '../schemas/priority.ts'
import type { CompiledEvent } from './compile.ts'
import type { EnvelopeFields, PacketKind } from './envelope.ts'
import { SpillwayError, toError } from './errors.ts'
import type { EncodedPart } from './frame.ts'
import { type CompiledMessages, OTHER } from './messages.ts'
import { namesIn } from './names.ts'
import { makeRule, type Rule } from './rule.ts'
import type { Millis } from './units.ts'

/** A packet as Socket.IO gives it to its encoder. */
export interface Packet {
  readonly type: number
  readonly nsp: string
  readonly data?: unknown
  readonly id?: number
}

/** Of socket.io-protocol 5; parsers may encode binary events under EVENT as well. */
const CONNECT = 0
const DISCONNECT = 1
const EVENT = 2
const BINARY_EVENT = 5

/** By its words: the schema may be of another copy of zod, whose class is another one. */
const ASYNCHRONOUS = new z.core.$ZodAsyncError().message

/** A payload that failed its schema. It holds no payload, only where it failed. */
export interface InvalidPayload {
  readonly namespace: string
  readonly event: string
  /** zod's paths and codes; in a path, keys that only the payload knows are `*`. */
  readonly issues: readonly string[]
}

export interface ClassifierOptions {
  readonly messages: CompiledMessages
  readonly validate: 'report' | 'throw' | 'off'
  /** Whether the adapter appends an offset to the arguments (connection state recovery). */
  readonly recovery: boolean
  readonly onInvalid: (report: InvalidPayload) => void
  /** Something of the application threw: the message goes on without it. */
  readonly onFault: (where: string, error: Error) => void
}

/** Decides by its schema what a packet is. Throws only with `validate: 'throw'`. */
export class Classifier {
  /** For what has no annotation: other events, and packets that are not events. */
  readonly unannotated: Rule = makeRule(OTHER, OTHER, { class: 'critical' })
  readonly #options: ClassifierOptions

  constructor(options: ClassifierOptions) {
    this.#options = options
  }

  /** Every rule that messages are counted under. */
  *rules(): Generator<Rule> {
    yield this.unannotated
    yield* this.#options.messages.rules()
  }

  classify(packet: Packet, parts: readonly EncodedPart[], now: Millis): EnvelopeFields {
    const { nsp: namespace } = packet
    const common = { namespace, parts, emittedAt: now }
    const kind = kindOf(packet)
    if (kind !== 'event') {
      return { ...common, kind, rule: this.unannotated, sid: connectedAs(packet) }
    }
    const [name, ...args] = packet.data as [unknown, ...unknown[]]
    const event = this.#options.messages.find(namespace, name)
    if (!event) return { ...common, kind, event: String(name), rule: this.unannotated }
    const verdict = this.#check(event, args)
    // an event that carries an ack id is never shed: its answer is waited for
    const rule = packet.id === undefined ? verdict.rule : event.critical
    const key = this.#keyOf(rule, namespace, verdict.payload)
    return { ...common, kind, event: String(name), rule, key }
  }

  /**
   * With connection state recovery, events end with an offset, from which on a client that comes
   * back is sent what it missed. A cosmetic message that waits may arrive after critical ones that
   * were emitted later, and its offset would have these sent again; so it goes without. A client
   * takes any text in the last place for an offset.
   *
   * @returns undefined if there is no offset
   */
  withoutOffset(packet: Packet): Packet | undefined {
    if (!this.#options.recovery || packet.id !== undefined) return undefined
    const data = packet.data as readonly unknown[]
    const event = this.#options.messages.find(packet.nsp, data[0])
    const offset = data.at(-1)
    if (!event || typeof offset !== 'string' || data.length - 1 <= event.arity) return undefined
    const rest = data.slice(0, -1)
    return { ...packet, data: typeof rest.at(-1) === 'string' ? [...rest, null] : rest }
  }

  #check(event: CompiledEvent, args: unknown[]): { rule: Rule; payload: unknown } {
    const payload = event.payloadOf(args)
    const issues = this.#validate(event.schema, payload)
    if (issues === undefined) return { rule: event.ruleOf(payload) ?? event.critical, payload }
    if (this.#options.recovery && typeof args.at(-1) === 'string') {
      // the last argument may be recovery's offset
      const rest = event.payloadOf(args.slice(0, -1))
      if (this.#validate(event.schema, rest) === undefined) {
        return { rule: event.ruleOf(rest) ?? event.critical, payload: rest }
      }
    }
    this.#reportInvalid(event, issues)
    return { rule: event.critical, payload }
  }

  /** @returns what is wrong, `undefined` if nothing is */
  #validate(schema: Schema, payload: unknown): string[] | undefined {
    if (this.#options.validate === 'off') return undefined
    try {
      const result = z.safeParse(schema, payload)
      if (result.success) return undefined
      return result.error.issues.map(({ path, code }) => `${pathIn(schema, path)}: ${code}`)
    } catch (thrown) {
      const isAsync = toError(thrown).message === ASYNCHRONOUS
      return [`(schema): ${isAsync ? 'is asynchronous' : `threw ${toError(thrown).name}`}`]
    }
  }

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

  #keyOf(rule: Rule, namespace: string, payload: unknown): string | undefined {
    const { conflateBy } = rule
    if (conflateBy === undefined) return undefined
    try {
      const value: unknown =
        typeof conflateBy === 'string'
          ? (payload as Record<string, unknown> | undefined)?.[conflateBy]
          : conflateBy(payload as never)
      if (value === undefined || value === null) return undefined
      if (typeof value === 'object' || typeof value === 'function' || typeof value === 'symbol') {
        // what an asynchronous function rejects with is of no use here, and would end the process
        if (value instanceof Promise) value.catch(() => {})
        throw new TypeError(`a conflation key must be a scalar, it is of type ${typeof value}`)
      }
      return `${rule.id} ${typeof value} ${value} ${namespace}`
    } catch (thrown) {
      this.#options.onFault(`conflateBy of ${rule.event}`, toError(thrown))
      return undefined
    }
  }
}

function pathIn(schema: Schema, path: readonly PropertyKey[]): string {
  const names = namesIn(schema)
  const shown = path.map((key) => (typeof key === 'number' || names.has(String(key)) ? key : '*'))
  return shown.join('.') || '(payload)'
}

function kindOf(packet: Packet): PacketKind {
  switch (packet.type) {
    case CONNECT:
      return 'connect'
    case DISCONNECT:
      return 'disconnect'
    case EVENT:
    case BINARY_EVENT:
      return Array.isArray(packet.data) ? 'event' : 'other'
    default:
      return 'other'
  }
}

function connectedAs(packet: Packet): string | undefined {
  if (packet.type !== CONNECT) return undefined
  const sid = (packet.data as { sid?: unknown } | undefined)?.sid
  return typeof sid === 'string' ? sid : undefined
}
