/** The queue in which a member waits. */
export type Due = 'no' | 'first' | 'later'

/** Slots before the first search for abandoned ones. */
const LEAST = 256

/**
 * First in, first out. A member that has moved to another queue, or is gone, keeps its slot, which is
 * skipped. The queue compacts itself when it has grown to twice the members that waited at the last
 * compaction, so that a push is O(1) and memory bounded, also when the queue never empties.
 */
export class ReadyQueue<Member extends { due: Due }> {
  readonly #due: Due
  readonly #members: Member[] = []
  #head = 0
  /** Slots at which the queue compacts itself. */
  #full = LEAST

  constructor(due: Due) {
    this.#due = due
  }

  get empty(): boolean {
    return this.#head === this.#members.length
  }

  /** Number of slots, including abandoned ones. */
  get slots(): number {
    return this.#members.length
  }

  push(member: Member): void {
    if (this.#members.length >= this.#full) this.#compact()
    member.due = this.#due
    this.#members.push(member)
  }

  take(): Member | undefined {
    while (this.#head < this.#members.length) {
      const member = this.#members[this.#head++]!
      if (this.empty) {
        this.#members.length = 0
        this.#head = 0
      }
      if (member.due === this.#due) return member
    }
    return undefined
  }

  /** Keeps each waiting member once, in its first place. */
  #compact(): void {
    const members = this.#members
    let kept = 0
    for (let at = this.#head; at < members.length; at++) {
      const member = members[at]!
      if (member.due !== this.#due) continue
      // a member may have come back while its former slot was still there
      member.due = 'no'
      members[kept++] = member
    }
    members.length = kept
    for (const member of members) member.due = this.#due
    this.#head = 0
    this.#full = Math.max(LEAST, 2 * kept)
  }
}
