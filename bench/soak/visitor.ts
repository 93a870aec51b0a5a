import type { Socket } from 'node:net'
import { Sequence } from '../../spec/support/clients/sequence.ts'
import { openLine } from '../harness/line.ts'
import { closeFrame, type Heard, textFrame } from '../harness/wire.ts'

/** As the lobby's. */
export type Kind = 'healthy' | 'slow' | 'stopped'

/**
 * How a client goes: `left` disconnects; `closed` ends the WebSocket, as a browser's tab does; `reset`
 * is a process that ends; `silent` answers nothing any more, like one whose link is cut, until the
 * server notices.
 */
export const LEAVINGS = ['left', 'closed', 'reset', 'silent'] as const
export type Leaving = (typeof LEAVINGS)[number]

/** One connection, from its beginning to its end. */
export class Visitor implements Heard {
  readonly kind: Kind
  readonly toAll = new Sequence()
  readonly room = new Sequence()
  readonly latencies: number[] = []
  readonly startedAt = performance.now()
  isConnected = false
  isGone = false
  isAnswered = false
  stopsReading = false
  leaving: Leaving | undefined
  readonly #socket: Socket

  constructor(kind: Kind, host: string, port: number, onGone: (visitor: Visitor) => void) {
    this.kind = kind
    this.#socket = openLine({
      host,
      port,
      heard: this,
      isSlow: kind === 'slow',
      reads: () => !(this.stopsReading && this.isConnected),
    })
    this.#socket.once('close', () => {
      this.isGone = true
      onGone(this)
    })
  }

  get localPort(): number | undefined {
    return this.#socket.localPort
  }

  leave(how: Leaving): void {
    this.leaving = how
    if (how === 'silent') this.stopsReading = true
    else if (how === 'reset') this.#socket.resetAndDestroy()
    else {
      if (how === 'left') this.#socket.write(textFrame('41'))
      this.#socket.write(closeFrame())
    }
  }

  /** At once. */
  end(): void {
    this.#socket.resetAndDestroy()
  }

  connected(): void {
    this.isConnected = true
    this.reply(textFrame('420["hello"]'))
  }

  reply(bytes: Buffer): void {
    if (this.leaving === undefined) this.#socket.write(bytes)
  }

  critical(seq: number, sentAt: number): void {
    this.toAll.receive(seq)
    this.latencies.push(Date.now() - sentAt)
  }

  packet(text: string): void {
    const [, seq, roomSeq] = WELCOME.exec(text) ?? []
    if (seq !== undefined) {
      this.toAll.begin(Number(seq))
      this.room.begin(Number(roomSeq))
    }
    const [, room] = ROOM.exec(text) ?? []
    if (room !== undefined) this.room.receive(Number(room))
    const [, ask] = ASK.exec(text) ?? []
    if (ask !== undefined) this.reply(textFrame(`43${ask}[]`))
    if (text.startsWith('430[')) this.isAnswered = true
  }
}

const WELCOME = /^42\["welcome",\{"seq":(\d+),"roomSeq":(\d+)/
const ROOM = /^42\["room",\{"seq":(\d+)/
const ASK = /^42(\d+)\["ask"/
