import { Agent } from 'node:http'
import { io, type Socket } from 'socket.io-client'
import type { EventsOf } from '../../lib/index.ts'
import type { LobbyMessages } from './messages.ts'

/** What the server is to see of a client. */
export interface Origin {
  readonly userAgent?: string
  /** One of this machine's; of the network 127, Linux has them all. */
  readonly localAddress?: string
}

type LobbySocket = Socket<EventsOf<LobbyMessages>>

/** A simulated client of the lobby. It counts what it receives and how late. */
export class Player {
  /** Of critical messages, in milliseconds. */
  readonly latencies: number[] = []
  /** Numbers of the critical messages that came. */
  readonly critical = new Set<number>()
  cosmetic = 0
  /** How often the connection was lost; it is made anew by itself. */
  lost = 0
  /** All ids that it had at the server. */
  readonly ids = new Set<string>()
  readonly #socket: LobbySocket

  /** @throws Error if there is no connection within the client library's time limit */
  static async connect(url: string, from: Origin = {}): Promise<Player> {
    const { userAgent, localAddress } = from
    const socket: LobbySocket = io(url, {
      transports: ['websocket'],
      forceNew: true,
      ...(userAgent !== undefined && { extraHeaders: { 'user-agent': userAgent } }),
      // where it is used, it is Node's; the types are a browser's
      ...(localAddress !== undefined && { agent: new Agent({ localAddress }) as never }),
    })
    const player = new Player(socket)
    await new Promise<void>((resolve, reject) => {
      socket.once('connect', resolve)
      socket.once('connect_error', reject)
    })
    return player
  }

  private constructor(socket: LobbySocket) {
    this.#socket = socket
    socket.on('connect', () => this.ids.add(socket.id!))
    socket.on('disconnect', () => this.lost++)
    socket.on('jackpot:won', (message) => this.#onCritical(message))
    socket.on('table:state', (message) => {
      if (message.kind === 'seat') this.#onCritical(message)
      else this.cosmetic++
    })
    for (const event of ['reel:frame', 'sound:cue', 'chat:line'] as const) {
      socket.on(event, () => this.cosmetic++)
    }
  }

  close(): void {
    this.#socket.off()
    this.#socket.disconnect()
  }

  #onCritical({ seq, sentAt }: { seq: number; sentAt: number }): void {
    this.critical.add(seq)
    this.latencies.push(Date.now() - sentAt)
  }
}
