/** Numbered messages, as one client got them: 1, 2, 3 and so on from where it began. */
export class Sequence {
  received = 0
  doubled = 0
  reordered = 0
  #last: number | undefined
  readonly #missing = new Set<number>()

  /** The client is connected: what follows is `last + 1`. */
  begin(last: number): void {
    this.#last = last
  }

  receive(n: number): void {
    this.received++
    const last = this.#last
    // what came before the beginning was told came too early
    if (last === undefined) this.reordered++
    else if (n > last) {
      for (let gap = last + 1; gap < n; gap++) this.#missing.add(gap)
      this.#last = n
    } else if (this.#missing.delete(n)) this.reordered++
    else this.doubled++
  }

  /** Number of the latest; 0 before the first. */
  get last(): number {
    return this.#last ?? 0
  }

  /** Messages that others followed. */
  get gaps(): number {
    return this.#missing.size
  }

  /** @param sent number of the latest message; the client has not left before it */
  lost(sent: number): number {
    return this.gaps + Math.max(0, sent - this.last)
  }
}
