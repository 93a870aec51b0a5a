/** A first-in-first-out queue with constant time at both ends; `Array.shift` takes linear time. */
export class Fifo<T> {
  readonly #items: Array<T | undefined> = []
  /** Index of the first item; the slots before it are empty. */
  #head = 0

  get length(): number {
    return this.#items.length - this.#head
  }

  peek(): T | undefined {
    return this.#items[this.#head]
  }

  /** @param index from the first item on; negative from the end */
  at(index: number): T | undefined {
    return this.#items.at(index < 0 ? index : this.#head + index)
  }

  push(item: T): void {
    this.#items.push(item)
  }

  shift(): T | undefined {
    const item = this.#items[this.#head]
    if (item === undefined) return undefined
    this.#items[this.#head++] = undefined
    if (this.#head === this.#items.length) {
      this.#items.length = 0
      this.#head = 0
    } else if (this.#head >= LEAST && 2 * this.#head >= this.#items.length) {
      // moves at most as many items as were taken since the last move: constant time on average
      this.#items.copyWithin(0, this.#head)
      this.#items.length -= this.#head
      this.#head = 0
    }
    return item
  }
}

/** Fewer empty slots stay where they are. */
const LEAST = 64
