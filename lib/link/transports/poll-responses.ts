import { timers } from '../../base/timers.ts'
import type { Millis } from '../../base/units.ts'

/** The parts of Node's response to a poll that are used. */
export interface PollResponse {
  readonly writableFinished: boolean
  readonly destroyed: boolean
  once(event: 'close', listener: () => void): unknown
  destroy(): unknown
}

/** As long as `ws` waits for the answer to a close. */
const LONGEST_LINGER: Millis = 30_000

/** Responses to the polls of one client that the kernel may not have taken whole. */
export class OpenResponses {
  #open: PollResponse[] = []
  #deadline: NodeJS.Timeout | undefined
  #onTaken: (() => void) | undefined

  add(response: PollResponse): void {
    this.#prune()
    if (!this.#open.includes(response)) this.#open.push(response)
  }

  /** Whether the kernel has taken all of them; before that, no client can have read them. */
  get areTaken(): boolean {
    this.#prune()
    return this.#open.length === 0
  }

  /** Destroys those that the kernel has not taken, with their connections. */
  destroy(): void {
    for (const response of this.#open) if (!isTaken(response)) response.destroy()
    this.#open = []
    this.#settle()
  }

  /** Calls back when all are taken or destroyed. Destroys the rest after 30 s. */
  whenTaken(callback: () => void): void {
    this.#onTaken = callback
    this.#deadline = timers.setTimeout(() => this.destroy(), LONGEST_LINGER).unref()
    for (const response of this.#open) response.once('close', () => this.#settle())
  }

  /** Cancels `whenTaken`. */
  release(): void {
    timers.clearTimeout(this.#deadline)
    this.#onTaken = undefined
  }

  #settle(): void {
    if (!this.areTaken) return
    const onTaken = this.#onTaken
    this.release()
    onTaken?.()
  }

  #prune(): void {
    if (this.#open.some(isTaken)) this.#open = this.#open.filter((each) => !isTaken(each))
  }
}

function isTaken({ writableFinished, destroyed }: PollResponse): boolean {
  return writableFinished || destroyed
}
