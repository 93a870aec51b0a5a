import { extname } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { connect } from 'socket.io-client'
import { Child } from '../support/process/child.ts'
import { eventually } from '../support/servers/server.ts'
import { Follower } from './follower.ts'
import type { ServerProcess } from './server-process.ts'

/** As this process: with a loader, where it has one. */
export const RUNTIME = [process.execPath, ...process.execArgv]
export const SETTLE_MS = 15_000
const TRANSPORTS = [['websocket'], ['polling'], ['polling', 'websocket'], ['websocket']]

export function moduleOf(name: string): URL {
  return new URL(`./${name}${extname(import.meta.filename)}`, import.meta.url)
}

/** A server in a process of its own, with clients that come back. */
export class Apart {
  readonly problems: string[] = []
  readonly followers: Follower[] = []
  sent = 0
  readonly #abort = new AbortController()
  readonly #stallAfter: number
  #child!: Child<ServerProcess>
  #pid = 0
  #port = 0

  constructor(stallAfter: number) {
    this.#stallAfter = stallAfter
  }

  async open(): Promise<void> {
    await this.start()
    for (const transports of TRANSPORTS) {
      const client = connect(`http://127.0.0.1:${this.#port}`, {
        transports,
        forceNew: true,
        reconnectionDelay: 20,
        reconnectionDelayMax: 50,
      })
      this.followers.push(new Follower(transports.join(', '), client))
    }
    await this.connected(1)
  }

  /** A process on the port of the one before. */
  async start(): Promise<void> {
    const { signal } = this.#abort
    this.#child = new Child<ServerProcess>(moduleOf('server-process'), { signal, runtime: RUNTIME })
    const options = { port: this.#port, stallAfter: this.#stallAfter }
    const { pid, port } = await this.#child.ask('open', options)
    this.#pid = pid
    this.#port = port
  }

  /** Everyone has connected so often. */
  async connected(times: number): Promise<void> {
    await eventually(() => this.followers.every((each) => each.beginnings >= times), SETTLE_MS)
  }

  load(): Promise<void> {
    return this.#child.ask('load', undefined)
  }

  /** Waits until everyone has got so many more. */
  async receive(messages: number): Promise<void> {
    const wanted = this.followers.map(({ won }) => won.received + messages)
    await eventually(
      () => this.followers.every(({ won }, index) => won.received >= wanted[index]!),
      SETTLE_MS,
    )
  }

  /** As `kill -9`. */
  async kill(): Promise<void> {
    process.kill(this.#pid, 'SIGKILL')
    await this.#child.close()
  }

  /** Nothing of the process runs for a while: for it, the monotonic clock jumps. */
  async suspend(ms: number): Promise<void> {
    process.kill(this.#pid, 'SIGSTOP')
    await sleep(ms)
    process.kill(this.#pid, 'SIGCONT')
  }

  readings() {
    return this.#child.ask('readings', undefined)
  }

  /** Ends the load; everyone has everything then, or it is a problem. */
  async settle(): Promise<void> {
    const sent = await this.#child.ask('stop', undefined)
    this.sent += sent.won + sent.seat
    await eventually(() => this.followers.every((each) => each.lost(sent) === 0), SETTLE_MS).catch(
      () => {},
    )
    this.lost = this.followers.reduce((sum, each) => sum + each.lost(sent), 0)
  }
  lost = 0

  async close(): Promise<void> {
    for (const { client } of this.followers) client.close()
    await this.#child.close()
  }
}
