/** A queue in an array: both ends in constant time, however long it is, which `Array.shift` is not. */
export class Fifo<T> {
  readonly #items: Array<T | undefined> = []
  /** The first item; those before it have been taken. */
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
      // moves no more items than were taken since the last time
      this.#items.copyWithin(0, this.#head)
      this.#items.length -= this.#head
      this.#head = 0
    }
    return item
  }
}

/** So many slots are not worth to be moved for. */
const LEAST = 64
