import type { Bytes } from '../base/units.ts'

/** Something in memory that several clients may share. */
export interface Shared {
  /** On the wire. */
  readonly bytes: Bytes
  /** What it takes in memory, as estimated: objects, texts and buffers. It may grow. */
  readonly cost: Bytes
  /** How many clients it is held for; kept by `HeldBytes`, as what follows. */
  holders: number
  /** What `HeldBytes` counts of it. */
  charged: Bytes
  heldBytes: HeldBytes | undefined
}

/** Memory of a size that is known, of whatever. */
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

/** The memory that the process holds for its clients; what several of them share counts once. */
export class HeldBytes {
  bytes: Bytes = 0

  hold(item: Shared): void {
    item.holders++
    item.heldBytes = this
    this.charge(item)
  }

  /** The cost of something that is held has grown. */
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

  /** Counts memory of one client alone; negative where it is freed. */
  add(bytes: Bytes): void {
    this.bytes += bytes
  }
}
