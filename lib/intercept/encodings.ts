import { timers } from '../base/timers.ts'
import { Envelope, type EnvelopeFields, type WriteOptions } from '../message/envelope.ts'
import type { EncodedPart } from '../message/frame.ts'

/** A packet as it was encoded, with the envelope of its latest write. */
export class Encoding {
  readonly fields: EnvelopeFields
  /** Its only part, if it has no others. */
  readonly whole: EncodedPart | undefined
  /** The tick in which it was encoded; an adapter may write it in a later one. */
  readonly tick: number
  /** Whether a broadcast of it may be sent in slices. */
  readonly canWait: boolean
  /** The encodings that it was added to. */
  encodings: Encodings | undefined
  /** Walks over its parts for one recipient of a broadcast after the other. */
  idle: Iteration | undefined
  #envelope: Envelope | undefined

  constructor(fields: EnvelopeFields, tick: number, canWait: boolean) {
    this.fields = fields
    this.whole = fields.parts.length === 1 ? fields.parts[0] : undefined
    this.tick = tick
    this.canWait = canWait
  }

  /** One envelope for all recipients that are sent the packet with the same options. */
  envelopeFor(options: WriteOptions | undefined): Envelope {
    if (this.#envelope?.options !== options) this.#envelope = undefined
    this.#envelope ??= new Envelope(this.fields, options)
    return this.#envelope
  }
}

/** Is told of a part that was written without the rest of its packet. */
export type OnStray = (conn: object, part: EncodedPart, options: WriteOptions | undefined) => void

/**
 * Tells which packet a connection's `write` belongs to. Socket.IO iterates over the array that the
 * encoder returned and writes each part where it gets it; so that array's iterator announces each
 * part, and the write that follows in the same synchronous call takes the announcement. The value
 * of a part is only compared with what was announced: packets that look the same are never taken
 * for one another, and nothing has to be remembered after the call.
 */
export class Encodings {
  readonly #onStray: OnStray
  /** The iteration whose part is to be written next. */
  #announced: Iteration | undefined
  /** Iterations of packets of which some parts were written and others were not. */
  readonly #incomplete: Iteration[] = []
  #settling = false

  constructor(onStray: OnStray) {
    this.#onStray = onStray
  }

  /** @returns what the encoder has to return for Socket.IO to write: the parts of the packet */
  add(encoding: Encoding): EncodedPart[] {
    encoding.encodings = this
    return new EncodedParts(encoding)
  }

  /**
   * Takes the announcement of a write, as the first thing that the write does.
   *
   * @returns the packet with its last part; `part` if more parts have to follow before the packet
   *   is complete; undefined if this is no write of an encoded packet
   */
  take(
    conn: object,
    data: EncodedPart,
    options: WriteOptions | undefined,
    callback: unknown,
  ): Encoding | 'part' | undefined {
    const iteration = this.#announced
    if (iteration !== undefined) {
      this.#announced = iteration.outer
      iteration.outer = undefined
      iteration.isAnnounced = false
      // nearly always it is all of a packet
      const { whole } = iteration.encoding
      if (whole !== undefined && whole === data && this.#incomplete.length === 0) {
        return iteration.index === 0 ? iteration.encoding : undefined
      }
    }
    const isExpected = iteration !== undefined && isDue(iteration, conn, data, options, callback)
    if (this.#incomplete.length > 0) this.#giveUpOthers(conn, isExpected ? iteration : undefined)
    if (!isExpected) return undefined
    const { encoding, index } = iteration
    if (index === encoding.fields.parts.length - 1) {
      this.#forget(iteration)
      return encoding
    }
    if (index === 0) {
      iteration.conn = conn
      iteration.options = options
      this.#incomplete.push(iteration)
      this.#settleAfterTick()
    }
    iteration.written++
    return 'part'
  }

  /** For iterations: the next write is of this one's part. */
  announce(iteration: Iteration): void {
    if (iteration.isAnnounced) this.#retract(iteration)
    const outer = this.#announced
    iteration.isAnnounced = true
    this.#announced = iteration
    if (outer === undefined) return
    iteration.outer = outer
    this.#settleAfterTick()
  }

  /** For iterations: no part follows. */
  end(iteration: Iteration): void {
    if (iteration.isAnnounced) this.#retract(iteration)
    if (iteration.written > 0) this.#giveUp(iteration)
  }

  /** Takes an iteration out of the chain of those that are announced. */
  #retract(iteration: Iteration): void {
    if (this.#announced === iteration) this.#announced = iteration.outer
    else {
      let inner = this.#announced
      while (inner && inner.outer !== iteration) inner = inner.outer
      if (inner) inner.outer = iteration.outer
    }
    iteration.outer = undefined
    iteration.isAnnounced = false
  }

  /** What was written to a connection of other packets, and of one that goes on unlike expected. */
  #giveUpOthers(conn: object, except: Iteration | undefined): void {
    for (const iteration of this.#incomplete.filter((each) => each !== except)) {
      if (iteration.conn === conn) this.#giveUp(iteration)
    }
  }

  /** What was written of a packet that stays incomplete goes as it is, as without the plugin. */
  #giveUp(iteration: Iteration): void {
    const { written, conn, options, encoding } = iteration
    this.#forget(iteration)
    for (let index = 0; index < written; index++) {
      this.#onStray(conn!, encoding.fields.parts[index]!, options)
    }
  }

  #forget(iteration: Iteration): void {
    if (iteration.written === 0) return
    this.#incomplete.splice(this.#incomplete.indexOf(iteration), 1)
    iteration.written = 0
    iteration.conn = undefined
    iteration.options = undefined
  }

  /** Somebody may neither finish an iteration nor close it, or wait in the middle. */
  #settleAfterTick(): void {
    if (this.#settling) return
    this.#settling = true
    timers.queueMicrotask(() => {
      this.#settling = false
      while (this.#announced) this.#retract(this.#announced)
      for (const iteration of [...this.#incomplete]) this.#giveUp(iteration)
    })
  }
}

/**
 * The array that the encoder returns. A subclass, because V8 iterates over every array of the
 * process more slowly as soon as a single one has an own `Symbol.iterator`.
 */
class EncodedParts extends Array<EncodedPart> {
  // one field, and no `push`: the array is made for every message
  readonly #encoding: Encoding

  /** What `slice`, `map` and others derive from it are plain arrays. */
  static override get [Symbol.species](): ArrayConstructor {
    return Array
  }

  constructor(encoding: Encoding) {
    super()
    this.#encoding = encoding
    const { parts } = encoding.fields
    for (let index = 0; index < parts.length; index++) this[index] = parts[index]!
  }

  override [Symbol.iterator](): ArrayIterator<EncodedPart> {
    const encoding = this.#encoding
    const iteration = encoding.idle ?? new Iteration(this, encoding)
    encoding.idle = undefined
    iteration.index = -1
    return iteration as unknown as ArrayIterator<EncodedPart>
  }
}

/** @returns whether it is the part that is due, and is written as Socket.IO writes it */
function isDue(
  iteration: Iteration,
  conn: object,
  data: EncodedPart,
  options: WriteOptions | undefined,
  callback: unknown,
): boolean {
  const { index, encoding, written } = iteration
  const { parts } = encoding.fields
  if (parts[index] !== data || written !== index) return false
  if (index > 0 && (iteration.conn !== conn || iteration.options !== options)) return false
  return parts.length === 1 || callback === undefined
}

/** One walk over the parts of a packet, which announces each of them. */
class Iteration implements Iterator<EncodedPart, undefined> {
  readonly encoding: Encoding
  /** Of the part that was announced last. */
  index = -1
  isAnnounced = false
  /** The iteration that was announced, and its part not written, when this one was. */
  outer: Iteration | undefined
  /** Parts that were written, in order, to one connection with the same options. */
  written = 0
  conn: object | undefined
  options: WriteOptions | undefined
  readonly #parts: EncodedParts
  readonly #encodings: Encodings
  /** Used again for each part. */
  readonly #result: { done: boolean; value: EncodedPart | undefined } = {
    done: false,
    value: undefined,
  }

  constructor(parts: EncodedParts, encoding: Encoding) {
    this.#parts = parts
    this.#encodings = encoding.encodings!
    this.encoding = encoding
  }

  next(): IteratorResult<EncodedPart, undefined> {
    this.index++
    if (this.index >= this.#parts.length) return this.return()
    this.#encodings.announce(this)
    this.#result.done = false
    this.#result.value = this.#parts[this.index]
    return this.#result as IteratorYieldResult<EncodedPart>
  }

  return(): IteratorReturnResult<undefined> {
    this.#encodings.end(this)
    this.index = this.#parts.length
    this.#result.done = true
    this.#result.value = undefined
    this.encoding.idle = this
    return this.#result as IteratorReturnResult<undefined>
  }

  [Symbol.iterator](): this {
    return this
  }
}
