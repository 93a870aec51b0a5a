/** In which of the lists that are served a member waits. */
export type Due = 'no' | 'first' | 'later'

/** Slots that a queue may hold before it looks for those that nobody waits in. */
const LEAST = 256

/**
 * First in, first out. A member that has moved on, or is gone, is left where it is and skipped
 * when its turn comes. Slots of the served and of the skipped are given back also while others
 * wait all the time: the queue holds at most twice as many as members waited when it last looked,
 * and looks again after as many pushes, which makes it O(1) a push.
 */
export class ReadyQueue<Member extends { due: Due }> {
  readonly #due: Due
  readonly #members: Member[] = []
  #head = 0
  /** Slots at which it looks. */
  #full = LEAST

  constructor(due: Due) {
    this.#due = due
  }

  get empty(): boolean {
    return this.#head === this.#members.length
  }

  /** Including those that nobody waits in any more. */
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

  /** Keeps whoever waits, once, in its first place. */
  #compact(): void {
    const members = this.#members
    let kept = 0
    for (let at = this.#head; at < members.length; at++) {
      const member = members[at]!
      if (member.due !== this.#due) continue
      // it may have come back while its former place was still there
      member.due = 'no'
      members[kept++] = member
    }
    members.length = kept
    for (const member of members) member.due = this.#due
    this.#head = 0
    this.#full = Math.max(LEAST, 2 * kept)
  }
}
