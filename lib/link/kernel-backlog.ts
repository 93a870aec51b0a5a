import { Fifo } from '../base/fifo.ts'
import type { Bytes } from '../base/units.ts'
import type { HeldBytes, Shared } from '../message/held-bytes.ts'
import { WRITE_PLACE } from '../message/memory-costs.ts'

/** Messages that a connection was handed and the kernel has not taken, oldest first. */
export class KernelBacklog {
  /** Estimated memory of the messages, as if nobody shared them, and of their writes. */
  cost: Bytes = 0
  readonly #heldBytes: HeldBytes
  readonly #items = new Fifo<Shared>()
  #bytes: Bytes = 0
  /** Bytes of the markers behind the latest item; no event tells when the kernel has taken them. */
  #markers: Bytes = 0

  constructor(heldBytes: HeldBytes) {
    this.#heldBytes = heldBytes
  }

  /** Messages and joined frames; each is at least one write. */
  get writes(): number {
    return this.#items.length
  }

  add(item: Shared): void {
    this.#heldBytes.hold(item)
    this.#items.push(item)
    this.#bytes += item.bytes
    this.#markers = 0
    this.#charge(item, 1)
  }

  /** Counts a marker that was written behind the latest item. */
  marked(bytes: Bytes): void {
    this.#markers += bytes
  }

  /** Removes the items that the kernel has taken: all but the latest that make up `outstanding` bytes. */
  keep(outstanding: Bytes): void {
    const ofItems = outstanding - this.#markers
    for (
      let item = this.#items.peek();
      item && this.#bytes - item.bytes >= ofItems;
      item = this.#items.peek()
    ) {
      this.#items.shift()
      this.#bytes -= item.bytes
      this.#charge(item, -1)
      this.#heldBytes.release(item)
    }
  }

  #charge(item: Shared, times: 1 | -1): void {
    this.#heldBytes.add(times * WRITE_PLACE)
    // not `item.cost`, which may have grown since
    this.cost += times * (WRITE_PLACE + item.bytes)
  }
}
