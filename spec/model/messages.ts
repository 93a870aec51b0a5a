import { Envelope } from '../../lib/message/envelope.ts'
import type { EncodedPart } from '../../lib/message/frame.ts'
import { makeRule, type Rule } from '../../lib/message/rule.ts'
import type { ModelLoop } from './loop.ts'
import { type Emit, KINDS } from './operations.ts'
import type { Message } from './subject.ts'

/** What was emitted, and is encoded so that its client can tell which one it is. */
export class Messages {
  /** The id of the one that was emitted last. */
  latest = 0
  readonly #loop: ModelLoop
  readonly #rules = KINDS.map(({ namespace, event, priority }) =>
    makeRule(namespace, event, priority),
  )
  readonly #control = makeRule('other', 'other', { class: 'critical' })
  /** No two are emitted in the same instant, so that one tells them apart. */
  readonly #emitted = new Map<number, Message>()

  constructor(loop: ModelLoop) {
    this.#loop = loop
  }

  get rules(): readonly Rule[] {
    return [...this.#rules, this.#control]
  }

  emittedAt(at: number): Message {
    return this.#emitted.get(at)!
  }

  make({ kind, size, key }: Omit<Emit, 'op' | 'room'>, callback?: () => void): Message {
    const { namespace, parts = 1, keys, ack } = KINDS[kind]!
    const rule = this.#rules[kind]!
    return this.#message(size, parts, callback, {
      rule,
      kind: ack ? 'other' : 'event',
      namespace,
      event: ack ? undefined : rule.event,
      key: keys ? `${rule.id} ${key}` : undefined,
    })
  }

  packet(kind: 'connect' | 'disconnect', namespace: string): Message {
    return this.#message(20, 1, undefined, {
      rule: this.#control,
      kind,
      namespace,
      event: undefined,
      key: undefined,
    })
  }

  #message(
    size: number,
    parts: number,
    callback: (() => void) | undefined,
    fields: Pick<Envelope, 'rule' | 'kind' | 'namespace' | 'event' | 'key'>,
  ): Message {
    // two emits of one tick are microseconds apart
    this.#loop.spend(0.001)
    const id = ++this.latest
    const length = Math.max(8, Math.floor(size / parts) - 3)
    const encoded: EncodedPart[] = []
    for (let part = 0; part < parts; part++) {
      if (part === 0) encoded.push(`${id}-`.padEnd(length, 'x'))
      else encoded.push(Object.assign(new Uint8Array(length), [id >>> 16, id >>> 8, id, part]))
    }
    const options = Object.freeze({})
    const envelope = new Envelope(
      { ...fields, parts: encoded, emittedAt: this.#loop.now() },
      options,
      callback,
    )
    for (const each of [encoded, envelope.sizes, envelope]) Object.freeze(each)
    const message = { id, envelope, isCritical: fields.rule.class === 'critical' }
    this.#emitted.set(envelope.emittedAt, message)
    return message
  }
}
