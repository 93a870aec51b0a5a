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
