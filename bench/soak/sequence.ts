/** Holds the numbers of one stream against 1, 2, 3: each once, in order. */
export class Sequence {
  doubled = 0
  reordered = 0
  #last: number | undefined
  readonly #missing = new Set<number>()

  /** What was sent up to here was sent before. */
  begin(last: number): void {
    this.#last = last
  }

  received(seq: number): void {
    // what came before the beginning was told came too early
    if (this.#last === undefined) this.reordered++
    else if (seq > this.#last) {
      for (let each = this.#last + 1; each < seq; each++) this.#missing.add(each)
      this.#last = seq
    } else if (this.#missing.delete(seq)) this.reordered++
    else this.doubled++
  }

  /** @param last that was sent; without it, what a newer one has overtaken counts only */
  lost(last?: number): number {
    const behind = last === undefined || this.#last === undefined ? 0 : last - this.#last
    return this.#missing.size + Math.max(0, behind)
  }
}
