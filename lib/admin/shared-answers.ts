/**
 * Answers that take time of the event loop, for whoever asks at once: one after the other, and those
 * who ask the same while it is being answered get the same answer.
 */
export class SharedAnswers<Answer> {
  readonly #mostWaiting: number
  readonly #underWay = new Map<string, Promise<Answer>>()
  #latest: Promise<unknown> = Promise.resolve()

  /** @param mostWaiting different questions that are under way at most */
  constructor(mostWaiting: number) {
    this.#mostWaiting = mostWaiting
  }

  /** @returns undefined if too many wait already */
  ask(question: string, answer: () => Promise<Answer>): Promise<Answer> | undefined {
    const known = this.#underWay.get(question)
    if (known) return known
    if (this.#underWay.size >= this.#mostWaiting) return undefined
    const asked = this.#latest.then(answer).finally(() => this.#underWay.delete(question))
    this.#underWay.set(question, asked)
    // who asks looks after an error
    this.#latest = asked.catch(() => {})
    return asked
  }
}
