import { Fifo } from '../base/fifo.ts'
import type { Ledger, Shared } from '../ledger.ts'
import type { Bytes } from '../units.ts'

/** What a connection was handed and its kernel socket has not taken, oldest first. */
export class Backlog {
  readonly #ledger: Ledger
  readonly #items = new Fifo<Shared>()
  #bytes: Bytes = 0

  constructor(ledger: Ledger) {
    this.#ledger = ledger
  }

  add(item: Shared): void {
    this.#ledger.hold(item)
    this.#items.push(item)
    this.#bytes += item.bytes
  }

  /** Lets go of what was taken: all but the latest that make up what is outstanding. */
  keep(outstanding: Bytes): void {
    for (
      let item = this.#items.peek();
      item && this.#bytes - item.bytes >= outstanding;
      item = this.#items.peek()
    ) {
      this.#items.shift()
      this.#bytes -= item.bytes
      this.#ledger.release(item)
    }
  }
}
