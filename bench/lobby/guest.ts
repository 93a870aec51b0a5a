import { connect, type Socket } from 'node:net'
import { SOCKET_IO_PATH, upgradeRequest } from '../link/handshake.ts'
import { type Kind, userAgentOf } from './kind.ts'
import { type Heard, WireReader } from './wire.ts'

const SLOW_BYTES = 2048
const SLOW_EVERY_MS = (1000 * SLOW_BYTES) / 10_240
const LEAST_RECONNECT_MS = 1000
const MOST_RECONNECT_MS = 3000

/** All that read at once share it: nothing of it is kept. */
const shared = Buffer.allocUnsafe(65_536)

const slow = new Set<Socket>()
setInterval(() => {
  for (const socket of slow) socket.resume()
}, SLOW_EVERY_MS).unref()

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
    const reader = new WireReader(this)
    const buffer = this.#kind === 'slow' ? Buffer.allocUnsafe(SLOW_BYTES) : shared
    const socket = connect({
      host: this.#host,
      port: this.#port,
      noDelay: true,
      onread: {
        buffer,
        callback: (length) => {
          reader.read(buffer.subarray(0, length))
          return this.#kind !== 'slow' && !(this.stopsReading && this.isConnected)
        },
      },
    })
    this.#socket = socket
    socket.write(upgradeRequest(SOCKET_IO_PATH, userAgentOf(this.#kind)))
    if (this.#kind === 'slow') slow.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      slow.delete(socket)
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
