import type { Bytes } from '../base/units.ts'

/** A piece of memory that several clients may share. */
export interface Shared {
  /** Size on the wire. */
  readonly bytes: Bytes
  /** Estimated memory: objects, texts and buffers. May grow. */
  readonly cost: Bytes
  /** Number of clients that hold it. Written by `HeldBytes` only, as are the fields below. */
  holders: number
  /** The part of `cost` that `HeldBytes` has counted. */
  charged: Bytes
  heldBytes: HeldBytes | undefined
}

/** A piece of memory of a fixed size. */
export class Held implements Shared {
  readonly bytes: Bytes
  readonly cost: Bytes
  holders = 0
  charged: Bytes = 0
  heldBytes: HeldBytes | undefined

  constructor(bytes: Bytes, cost = bytes) {
    this.bytes = bytes
    this.cost = cost
  }
}

/** Counts the memory that the process holds for its clients. Memory that clients share counts once. */
export class HeldBytes {
  bytes: Bytes = 0

  hold(item: Shared): void {
    item.holders++
    item.heldBytes = this
    this.charge(item)
  }

  /** Updates the count after the cost of a held item has grown. */
  charge(item: Shared): void {
    const { cost } = item
    this.bytes += cost - item.charged
    item.charged = cost
  }

  release(item: Shared): void {
    if (--item.holders > 0) return
    this.bytes -= item.charged
    item.charged = 0
    item.heldBytes = undefined
  }

  /** Counts memory of one client that is not shared; negative to free it. */
  add(bytes: Bytes): void {
    this.bytes += bytes
  }
}
