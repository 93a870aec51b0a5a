/**
 * Computes expensive answers one after the other. Identical questions that arrive meanwhile share one
 * answer.
 */
export class SharedAnswers<Answer> {
  readonly #capacity: number
  readonly #pending = new Map<string, Promise<Answer>>()
  #latest: Promise<unknown> = Promise.resolve()

  /** @param capacity most different questions that may be pending */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  /** @returns the answer; undefined if the capacity is exhausted */
  ask(question: string, answer: () => Promise<Answer>): Promise<Answer> | undefined {
    const known = this.#pending.get(question)
    if (known) return known
    if (this.#pending.size >= this.#capacity) return undefined
    const asked = this.#latest.then(answer).finally(() => this.#pending.delete(question))
    this.#pending.set(question, asked)
    // the caller handles the error
    this.#latest = asked.catch(() => {})
    return asked
  }
}
