import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { reached } from '../browser/browser.ts'
import { freePort } from './free-port.ts'

/** Debian's Redis, on a free port, which it keeps when it is started again. It stores nothing. */
export class Redis {
  readonly port: number
  readonly #folder: string
  #child: ChildProcess | undefined

  private constructor(port: number, folder: string) {
    this.port = port
    this.#folder = folder
  }

  static async start(): Promise<Redis> {
    const redis = new Redis(await freePort(), await mkdtemp(join(tmpdir(), 'spillway-redis-')))
    try {
      await redis.start()
    } catch (error) {
      await redis.close()
      throw error
    }
    return redis
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`
  }

  /** Starts it again after `stop`. */
  async start(): Promise<void> {
    const child = spawn(
      'redis-server',
      [
        ...['--port', String(this.port), '--bind', '127.0.0.1', '--dir', this.#folder],
        ...['--save', '', '--appendonly', 'no'],
      ],
      { stdio: ['ignore', 'pipe', 'ignore'] },
    )
    this.#child = child
    let said = ''
    let failure: Error | undefined
    child.once('error', (error) => {
      failure = error
    })
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      said += chunk
    })
    await reached('Redis', () => {
      if (failure) {
        throw new Error("no redis-server; it is in Debian's package redis-server", {
          cause: failure,
        })
      }
      if (child.exitCode !== null) throw new Error(`Redis has ended:\n${said}`)
      return said.includes('Ready to accept connections')
    })
  }

  async stop(signal: 'SIGTERM' | 'SIGKILL' = 'SIGTERM'): Promise<void> {
    const child = this.#child
    this.#child = undefined
    if (child?.pid === undefined || child.exitCode !== null || child.signalCode !== null) return
    child.kill(signal)
    await once(child, 'exit')
  }

  /** It keeps its connections, and answers nothing until `resume`. */
  pause(): void {
    this.#child?.kill('SIGSTOP')
  }

  resume(): void {
    this.#child?.kill('SIGCONT')
  }

  async close(): Promise<void> {
    await this.stop('SIGKILL')
    await rm(this.#folder, { recursive: true, force: true })
  }
}
