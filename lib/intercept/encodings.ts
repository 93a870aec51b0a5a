import { timers } from '../base/timers.ts'
import { Envelope, type EnvelopeFields, type WriteOptions } from '../message/envelope.ts'
import type { EncodedPart } from '../message/frame.ts'

/** An encoded packet, with the envelope of its latest write. */
export class Encoding {
  readonly fields: EnvelopeFields
  /** Its part, if it has a single one. */
  readonly whole: EncodedPart | undefined
  /** The tick in which it was encoded. Adapters may write it in a later one. */
  readonly tick: number
  /** Whether a broadcast of it may be spread over several turns of the event loop. */
  readonly canWait: boolean
  /** Those that it was added to. */
  encodings: Encodings | undefined
  /** An iteration over its parts that has ended, used again for the next recipient. */
  idle: Iteration | undefined
  #envelope: Envelope | undefined

  constructor(fields: EnvelopeFields, tick: number, canWait: boolean) {
    this.fields = fields
    this.whole = fields.parts.length === 1 ? fields.parts[0] : undefined
    this.tick = tick
    this.canWait = canWait
  }

  /** The same envelope for all recipients of a broadcast, as long as the options are the same. */
  envelopeFor(options: WriteOptions | undefined): Envelope {
    if (this.#envelope?.options !== options) this.#envelope = undefined
    this.#envelope ??= new Envelope(this.fields, options)
    return this.#envelope
  }
}

/** Gets a part that was written without the rest of its packet. */
export type OnStray = (conn: object, part: EncodedPart, options: WriteOptions | undefined) => void

/**
 * Finds the packet that a connection's `write` belongs to. Socket.IO iterates over the array that the
 * encoder returned, and writes each part as soon as it gets it. The array's iterator announces each
 * part, and the write that follows in the same synchronous call takes the announcement. Two packets
 * with the same bytes are never confused, and nothing has to be remembered after the call.
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

  /** @returns the parts of the packet, as the encoder has to return them to Socket.IO */
  add(encoding: Encoding): EncodedPart[] {
    encoding.encodings = this
    return new EncodedParts(encoding)
  }

  /**
   * Takes the announcement of a write. A write has to do this first.
   *
   * @returns the packet, if this is its last part; `part` if more parts have to follow; undefined if
   *   this is no write of an encoded packet
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
      // nearly all packets have a single part
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

  /** Called by an iteration: the next write is that of its part. */
  announce(iteration: Iteration): void {
    if (iteration.isAnnounced) this.#retract(iteration)
    const outer = this.#announced
    iteration.isAnnounced = true
    this.#announced = iteration
    if (outer === undefined) return
    iteration.outer = outer
    this.#settleAfterTick()
  }

  /** Called by an iteration: no part follows. */
  end(iteration: Iteration): void {
    if (iteration.isAnnounced) this.#retract(iteration)
    if (iteration.written > 0) this.#giveUp(iteration)
  }

  /** Removes an iteration from the chain of those that are announced. */
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

  /** Gives up the incomplete packets of a connection, all but one. */
  #giveUpOthers(conn: object, except: Iteration | undefined): void {
    for (const iteration of this.#incomplete.filter((each) => each !== except)) {
      if (iteration.conn === conn) this.#giveUp(iteration)
    }
  }

  /** Passes on the written parts of a packet that stays incomplete, as Engine.IO would send them. */
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

  /** For iterations that are neither finished nor closed, or that wait in the middle. */
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
  // made for every message, so it has one field, and its constructor does not `push`
  readonly #encoding: Encoding

  /** `slice`, `map` and others return plain arrays. */
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

/** Whether a write is that of the announced part, in the way in which Socket.IO writes it. */
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

/** An iteration over the parts of a packet, which announces each of them. */
class Iteration implements Iterator<EncodedPart, undefined> {
  readonly encoding: Encoding
  /** That of the part announced last. */
  index = -1
  isAnnounced = false
  /** The iteration whose part was announced, and not written, before this one was. */
  outer: Iteration | undefined
  /** Parts that were written, in order, to one connection with the same options. */
  written = 0
  conn: object | undefined
  options: WriteOptions | undefined
  readonly #parts: EncodedParts
  readonly #encodings: Encodings
  /** The same object for each part. */
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
