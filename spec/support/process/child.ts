import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer, Handlers, Question } from './serve.ts'

export interface ChildOptions {
  /** Ends the process. */
  readonly signal: AbortSignal
  /** The network namespace that it runs in. */
  readonly namespace?: string | undefined
  /** What runs it; by default this Node. */
  readonly runtime?: readonly string[] | undefined
}

/**
 * What is measured is JavaScript as it is published: a loader that compiles on the way adds work
 * and memory to every function.
 */
const NODE = [process.execPath]

/** Longer than anything takes that is not told to take longer. */
const ANSWER_MS = 20_000

/** A module that calls `serve`, in a process of its own. */
export class Child<H extends Handlers> {
  readonly #process: ChildProcess
  readonly #waiting = new Map<number, { resolve(result: unknown): void; reject(e: Error): void }>()
  readonly #ended: Promise<void>
  readonly #signal: AbortSignal
  #last = 0
  #failure: Error | undefined

  constructor(module: URL, { signal, namespace, runtime = NODE }: ChildOptions) {
    signal.throwIfAborted()
    const command = [...runtime, fileURLToPath(module)]
    // `ip` becomes the command: the process id and the channel stay
    const [file, ...args] = namespace ? ['ip', 'netns', 'exec', namespace, ...command] : command
    this.#process = spawn(file!, args, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
    this.#signal = signal
    signal.addEventListener('abort', this.#kill)
    this.#process.on('message', (answer: Answer) => this.#settle(answer))
    this.#ended = new Promise((resolve) => {
      this.#process.once('error', (error) => resolve(this.#fail(error)))
      this.#process.once('exit', (code, by) =>
        resolve(this.#fail(new Error(`${module.pathname} ended by itself: ${by ?? code}`))),
      )
    })
  }

  /** @throws Error if it fails there, the process ends, or there is no answer in time */
  ask<Name extends keyof H & string>(
    name: Name,
    argument: Parameters<H[Name]>[0],
    withinMs = ANSWER_MS,
  ): Promise<Awaited<ReturnType<H[Name]>>> {
    return new Promise((resolve, reject) => {
      if (this.#failure) return reject(this.#failure)
      const id = ++this.#last
      const timer = setTimeout(
        () => this.#settle({ id, error: `no answer to "${name}" within ${withinMs} ms` }),
        withinMs,
      )
      this.#waiting.set(id, {
        resolve(result) {
          clearTimeout(timer)
          resolve(result as Awaited<ReturnType<H[Name]>>)
        },
        reject(error) {
          clearTimeout(timer)
          reject(error)
        },
      })
      const question: Question = { id, name, argument }
      this.#process.send(question, (error) => error && this.#settle({ id, error: error.message }))
    })
  }

  async close(): Promise<void> {
    this.#signal.removeEventListener('abort', this.#kill)
    this.#kill()
    await this.#ended
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.id)
    this.#waiting.delete(answer.id)
    if ('error' in answer) waiting?.reject(new Error(answer.error))
    else waiting?.resolve(answer.result)
  }

  #fail(failure: Error): void {
    this.#failure ??= failure
    for (const { reject } of this.#waiting.values()) reject(this.#failure)
    this.#waiting.clear()
  }

  readonly #kill = (): void => {
    if (!this.#failure) this.#process.kill('SIGKILL')
  }
}
