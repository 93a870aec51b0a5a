import type { Socket } from 'node:net'
import { openLine } from '../harness/line.ts'
import type { Heard } from '../harness/wire.ts'
import { type Kind, userAgentOf } from './kind.ts'

const LEAST_RECONNECT_MS = 1000
const MOST_RECONNECT_MS = 3000

/** One client, which connects again when it was closed. */
export class Guest implements Heard {
  readonly latencies: number[] = []
  isConnected = false
  reconnects = 0
  stopsReading = false
  readonly #kind: Kind
  readonly #host: string
  readonly #port: number
  #socket: Socket | undefined
  /** Of the latest critical message. */
  #seq = 0
  #lost = 0

  constructor(kind: Kind, host: string, port: number) {
    this.#kind = kind
    this.#host = host
    this.#port = port
  }

  get localPort(): number | undefined {
    return this.#socket?.localPort
  }

  connect(): void {
    const socket = openLine({
      host: this.#host,
      port: this.#port,
      heard: this,
      userAgent: userAgentOf(this.#kind),
      isSlow: this.#kind === 'slow',
      reads: () => !(this.stopsReading && this.isConnected),
    })
    this.#socket = socket
    socket.once('close', () => {
      this.isConnected = false
      const wait = MOST_RECONNECT_MS - LEAST_RECONNECT_MS
      setTimeout(() => this.#reconnect(), LEAST_RECONNECT_MS + Math.random() * wait)
    })
  }

  /** The server has closed it. */
  lose(): void {
    this.#socket?.destroy()
  }

  /** Critical messages that it missed, the latest being `last`. */
  lostUntil(last: number): number {
    return this.#lost + last - this.#seq
  }

  connected(): void {
    this.isConnected = true
  }

  reply(bytes: Buffer): void {
    this.#socket?.write(bytes)
  }

  critical(seq: number, sentAt: number): void {
    this.latencies.push(Date.now() - sentAt)
    this.#lost += seq - this.#seq - 1
    this.#seq = seq
  }

  #reconnect(): void {
    this.reconnects++
    this.connect()
  }
}
