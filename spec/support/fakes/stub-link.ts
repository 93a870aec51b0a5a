import { HANDOVER } from '../../../lib/link/link.ts'

/** What links of the specs have in common: each takes what it is given at once, in order. */
export abstract class StubLink {
  readonly ending = undefined
  readonly immediate = true
  readonly pending = 0
  readonly isFlooded = false
  abstract readonly outstanding: number

  get cost(): number {
    return this.outstanding
  }

  flush(): void {}

  emptied(): void {}

  writeInVain(): void {}

  writeLast(writes: () => void): void {
    writes()
  }

  batch(writes: () => void): void {
    writes()
  }
}

/** A link of a simulated path, whose client answers markers. */
export abstract class SimulatedPath extends StubLink {
  readonly transport = 'simulated'
  readonly proof = 'markers'
  readonly waiting = 0
  readonly heartbeatInterval = 25_000
  readonly upgrading = false
  readonly upgradeTimeout = 10_000
  heard = 0
  /** Bytes that have left the kernel. */
  carried = 0
  taken = 0

  hasRoom(bytes: number): boolean {
    return this.outstanding === 0 || this.outstanding + bytes <= HANDOVER
  }

  progressed(): number {
    const taken = this.carried - this.taken
    this.taken = this.carried
    return taken
  }

  close(): void {}
  terminate(): void {}

  end(): boolean {
    return true
  }
}
