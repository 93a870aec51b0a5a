import { Fifo } from '../base/fifo.ts'

interface Entry<Message> {
  readonly message: Message
  /** The number of visits after which everyone has the message. */
  readonly until: number
}

/**
 * Messages to the same recipients, delivered in one walk: each recipient is visited in turn and given
 * all messages that it is due. A message may join while the walk is under way; the walk then continues
 * past the last recipient from the first. A recipient that has to be served out of turn catches up.
 * Each recipient gets each message once, in the order of joining, also if a delivery leads to further
 * visits, catching up or joining.
 */
export class BroadcastRound<R extends object, Message> {
  readonly recipients: readonly R[]
  /** The first of `entries` is the `#first`th message that ever joined. */
  readonly #entries = new Fifo<Entry<Message>>()
  #first = 0
  #visits = 0
  /** Who is visited next. */
  #next = 0
  /** The visit under way: whose, and the messages that it is still to be given, `#at` to `#end`. */
  #visited = -1
  #at = 0
  #end = 0
  /** By recipient that has caught up: the first message still due, until its next visit. */
  readonly #ahead = new Map<number, number>()
  /** Index by recipient; made at the first search. */
  #positions: Map<object, number> | undefined

  /** @param recipients at least one, each once */
  constructor(recipients: readonly R[]) {
    this.recipients = recipients
  }

  get done(): boolean {
    return this.#entries.length === 0
  }

  /** Number of messages that some recipient still lacks. */
  get waiting(): number {
    return this.#entries.length
  }

  join(message: Message): void {
    this.#entries.push({ message, until: this.#visits + this.recipients.length })
  }

  /** Whether these are the recipients, in this order. */
  isFor(recipients: readonly R[]): boolean {
    const own = this.recipients
    if (own.length !== recipients.length) return false
    for (let index = 0; index < own.length; index++) {
      if (own[index] !== recipients[index]) return false
    }
    return true
  }

  /** Who is visited next. */
  get next(): R {
    return this.recipients[this.#next]!
  }

  /**
   * Gives the next recipient all that it is due.
   *
   * @param finished told of each message that everyone has now
   */
  visit(
    deliver: (recipient: R, message: Message) => void,
    finished: (message: Message) => void,
  ): void {
    // a visit that has thrown, or has led to this one, may be unfinished
    this.#deliverRest(deliver)
    this.#finish(finished)
    if (this.#entries.length === 0) return
    const index = this.#next
    this.#next = (index + 1) % this.recipients.length
    this.#visits++
    this.#visited = index
    this.#at = Math.max(this.#first, this.#ahead.get(index) ?? 0)
    this.#end = this.#first + this.#entries.length
    this.#ahead.delete(index)
    this.#deliverRest(deliver)
    this.#finish(finished)
  }

  /** Gives a recipient all messages that it is due, out of turn. */
  catchUp(recipient: object, deliver: (recipient: R, message: Message) => void): void {
    const index = this.#positionOf(recipient)
    if (index === undefined) return
    if (index === this.#visited) this.#deliverRest(deliver)
    for (;;) {
      const at = this.#firstDue(index)
      const entry = this.#entries.at(at - this.#first)
      if (!entry) return
      this.#ahead.set(index, at + 1)
      deliver(this.recipients[index]!, entry.message)
    }
  }

  #deliverRest(deliver: (recipient: R, message: Message) => void): void {
    while (this.#at < this.#end) {
      const { message } = this.#entries.at(this.#at++ - this.#first)!
      deliver(this.recipients[this.#visited]!, message)
    }
  }

  /** Index of the first due message; those that end before the recipient's next visit are not due. */
  #firstDue(index: number): number {
    const before = (index - this.#next + this.recipients.length) % this.recipients.length
    const visit = this.#visits + before
    let at = 0
    while (at < this.#entries.length && this.#entries.at(at)!.until <= visit) at++
    return Math.max(this.#first + at, this.#ahead.get(index) ?? 0)
  }

  #finish(finished: (message: Message) => void): void {
    for (let next = this.#entries.peek(); next && next.until <= this.#visits; ) {
      this.#entries.shift()
      this.#first++
      finished(next.message)
      next = this.#entries.peek()
    }
  }

  #positionOf(recipient: object): number | undefined {
    this.#positions ??= new Map(this.recipients.map((each, index) => [each, index]))
    return this.#positions.get(recipient)
  }
}
