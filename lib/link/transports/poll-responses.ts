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

/** The responses to a client's polls that its kernel sockets may not have taken. */
export class OpenResponses {
  #open: PollResponse[] = []
  #deadline: NodeJS.Timeout | undefined
  #onTaken: (() => void) | undefined

  add(response: PollResponse): void {
    this.#prune()
    if (!this.#open.includes(response)) this.#open.push(response)
  }

  /** Whether the kernel has all of them, as far as is known; only then can a client have read them. */
  get areTaken(): boolean {
    this.#prune()
    return this.#open.length === 0
  }

  /** Frees what is left of them, and ends their connections. */
  destroy(): void {
    for (const response of this.#open) if (!isTaken(response)) response.destroy()
    this.#open = []
    this.#settle()
  }

  /** Calls back when they are taken or gone; what is not taken in half a minute is destroyed. */
  whenTaken(callback: () => void): void {
    this.#onTaken = callback
    this.#deadline = timers.setTimeout(() => this.destroy(), LONGEST_LINGER).unref()
    for (const response of this.#open) response.once('close', () => this.#settle())
  }

  /** Leaves them to themselves. */
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
