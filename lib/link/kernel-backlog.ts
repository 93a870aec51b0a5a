import { Fifo } from '../base/fifo.ts'
import type { Bytes } from '../base/units.ts'
import type { HeldBytes, Shared } from '../message/held-bytes.ts'
import { WRITE_PLACE } from '../message/memory-costs.ts'

/** What a connection was handed and its kernel socket has not taken, oldest first. */
export class KernelBacklog {
  /** What it takes in memory, as if nobody shared it, with the writes that are under way. */
  cost: Bytes = 0
  readonly #heldBytes: HeldBytes
  readonly #items = new Fifo<Shared>()
  #bytes: Bytes = 0
  /** Of markers behind the latest item: nobody tells when the kernel takes them. */
  #markers: Bytes = 0

  constructor(heldBytes: HeldBytes) {
    this.#heldBytes = heldBytes
  }

  /** Messages and joined frames, each at least one write. */
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

  /** A marker was written behind the latest item, so that not all that is outstanding is an item's. */
  marked(bytes: Bytes): void {
    this.#markers += bytes
  }

  /** Lets go of what was taken: all but the latest that make up what is outstanding. */
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
    // the cost of what waits for others too may have grown since
    this.cost += times * (WRITE_PLACE + item.bytes)
  }
}
