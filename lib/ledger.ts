import type { Bytes } from './units.ts'

/** Bytes in memory that several clients may share. */
export interface Shared {
  readonly bytes: Bytes
  /** How many clients it is held for; the ledger's. */
  holders: number
}

/** The bytes that the process holds for its clients; what several of them share counts once. */
export class Ledger {
  bytes: Bytes = 0

  hold(item: Shared): void {
    if (item.holders++ === 0) this.bytes += item.bytes
  }

  release(item: Shared): void {
    if (--item.holders === 0) this.bytes -= item.bytes
  }
}
