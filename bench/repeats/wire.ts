import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { SOCKET_IO_PATH, upgradeRequest } from '../harness/handshake.ts'

/** One WebSocket, without a library, that says what it is told to and answers what it is asked. */

const TEXT = 0x81
const CLOSE = 0x88
const PING = 0x89
const PONG = 0x8a
const END_OF_HEAD = Buffer.from('\r\n\r\n')
const QUESTION = /^42(\d+)\["question"/

export class Wire {
  readonly #tcp: Socket
  #held: Buffer = Buffer.alloc(0)
  #inHead = true
  #lastAt = 0
  #waiting: Array<{ isIt: (text: string) => boolean; resolve: () => void }> = []
  #onPong: (() => void) | undefined

  private constructor(tcp: Socket) {
    this.#tcp = tcp
    tcp.on('error', () => {})
    tcp.on('data', (chunk: Buffer) => this.#read(chunk))
  }

  /** @param sid of a session that is to be upgraded */
  static async open(port: number, sid?: string): Promise<Wire> {
    const tcp = connect({ host: '127.0.0.1', port, noDelay: true })
    const wire = new Wire(tcp)
    const first = wire.until(sid === undefined ? isOpen : isProbed)
    tcp.write(upgradeRequest(sid === undefined ? SOCKET_IO_PATH : `${SOCKET_IO_PATH}&sid=${sid}`))
    if (sid !== undefined) wire.say('2probe')
    await first
    return wire
  }

  async join(): Promise<void> {
    const joined = this.until((text) => text.startsWith('40'))
    this.say('40')
    await joined
  }

  say(text: string): void {
    this.#tcp.write(frame(TEXT, Buffer.from(text)))
  }

  write(frames: Buffer): void {
    this.#tcp.write(frames)
  }

  until(isIt: (text: string) => boolean): Promise<void> {
    return new Promise((resolve) => this.#waiting.push({ isIt, resolve }))
  }

  /** Until the server has read all that was said. */
  answered(): Promise<void> {
    this.#tcp.write(frame(PING, Buffer.from('end')))
    return new Promise((resolve) => {
      this.#onPong = resolve
    })
  }

  /** And has been silent for a while. */
  async settled(quietMs: number): Promise<void> {
    await this.answered()
    for (let left = quietMs; left > 0; left = this.#lastAt + quietMs - performance.now()) {
      await new Promise((resolve) => setTimeout(resolve, left))
    }
  }

  /** As a browser's tab does. */
  async close(): Promise<void> {
    const closed = once(this.#tcp, 'close')
    this.#tcp.end(frame(CLOSE, Buffer.from([1000 >> 8, 1000 & 0xff])))
    await closed
  }

  reset(): void {
    this.#tcp.resetAndDestroy()
  }

  #read(chunk: Buffer): void {
    this.#lastAt = performance.now()
    let bytes: Buffer = this.#held.length > 0 ? Buffer.concat([this.#held, chunk]) : chunk
    if (this.#inHead) {
      const end = bytes.indexOf(END_OF_HEAD)
      this.#held = bytes
      if (end < 0) return
      this.#inHead = false
      bytes = bytes.subarray(end + END_OF_HEAD.length)
    }
    let at = 0
    while (at + 2 <= bytes.length) {
      const short = bytes[at + 1]!
      const header = short < 126 ? 2 : 4
      if (at + header > bytes.length) break
      const length = short < 126 ? short : bytes.readUInt16BE(at + 2)
      const end = at + header + length
      if (end > bytes.length) break
      this.#frame(bytes[at]!, bytes.subarray(at + header, end))
      at = end
    }
    this.#held = bytes.subarray(at)
  }

  #frame(kind: number, payload: Buffer): void {
    if (kind === PING) this.#tcp.write(frame(PONG, payload))
    else if (kind === PONG && payload.length === 3) this.#onPong?.()
    else if (kind === TEXT) this.#text(payload.toString('latin1'))
  }

  #text(text: string): void {
    const [, question] = QUESTION.exec(text) ?? []
    if (question !== undefined) this.say(`43${question}[]`)
    if (this.#waiting.length === 0) return
    this.#waiting = this.#waiting.filter(({ isIt, resolve }) => {
      if (!isIt(text)) return true
      resolve()
      return false
    })
  }
}

/** What a client says, masked as it has to be, with zeros. */
export function framesOf(count: number, says: (n: number) => readonly string[]): Buffer {
  const frames: Buffer[] = []
  for (let n = 0; n < count; n++) {
    for (const text of says(n)) frames.push(frame(TEXT, Buffer.from(text)))
  }
  return Buffer.concat(frames)
}

export function pingFrames(count: number): Buffer {
  return Buffer.concat(Array.from({ length: count }, () => frame(PING, Buffer.from('ping'))))
}

function frame(kind: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([kind, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}

const isOpen = (text: string): boolean => text.startsWith('0')
const isProbed = (text: string): boolean => text === '3probe'
