import { type ChildProcess, fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Readings } from './meter.ts'

export type ToChild =
  | { readonly type: 'open'; readonly plain: boolean }
  | { readonly type: 'load'; readonly seconds: number }
  | { readonly type: 'read' }

export type FromChild =
  | { readonly type: 'open'; readonly port: number }
  | { readonly type: 'loaded'; readonly criticalSent: number }
  | { readonly type: 'readings'; readonly readings: Readings }

type Answer<T extends FromChild['type']> = Extract<FromChild, { type: T }>

/** Longer than any answer takes, unless the server hangs. */
const ANSWER_MS = 20_000

/** A lobby server in a process of its own. */
export class ServerProcess {
  readonly #child: ChildProcess

  constructor() {
    this.#child = fork(fileURLToPath(new URL('child.ts', import.meta.url)), {
      execArgv: ['--import', import.meta.resolve('tsx')],
    })
  }

  async open(plain: boolean): Promise<number> {
    const { port } = await this.#ask({ type: 'open', plain }, 'open')
    return port
  }

  /** Resolves when the load has ended, with the count of critical messages. */
  async load(seconds: number): Promise<number> {
    const answer = this.#ask({ type: 'load', seconds }, 'loaded', seconds * 1000 + ANSWER_MS)
    return (await answer).criticalSent
  }

  async read(): Promise<Readings> {
    const { readings } = await this.#ask({ type: 'read' }, 'readings')
    return readings
  }

  async close(): Promise<void> {
    const child = this.#child
    if (child.exitCode !== null || child.signalCode !== null) return
    const exited = new Promise((resolve) => child.once('exit', resolve))
    child.kill('SIGKILL')
    await exited
  }

  #ask<T extends FromChild['type']>(
    order: ToChild,
    expected: T,
    timeoutMs = ANSWER_MS,
  ): Promise<Answer<T>> {
    const child = this.#child
    return new Promise((resolve, reject) => {
      const settle = (action: () => void): void => {
        clearTimeout(timer)
        child.off('message', onMessage)
        child.off('exit', onExit)
        action()
      }
      const onMessage = (message: FromChild): void => {
        if (message.type === expected) settle(() => resolve(message as Answer<T>))
      }
      const onExit = (code: number | null): void =>
        settle(() => reject(new Error(`the server ended by itself, with code ${code}`)))
      const timer = setTimeout(
        () => settle(() => reject(new Error(`no "${expected}" from the server in time`))),
        timeoutMs,
      )
      child.on('message', onMessage)
      child.on('exit', onExit)
      child.send(order)
    })
  }
}
