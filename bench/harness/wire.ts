/** What a Socket.IO client says and hears on a WebSocket, without a library: 14,000 of them. */

/** To the main namespace. */
const JOIN = Buffer.from('40')
/** The answer to Engine.IO's heartbeat. */
const PONG_PACKET = Buffer.from('3')
const TEXT = 0x81
const CLOSE = 0x88
const NORMAL_CLOSURE = 1000
const PING = 0x89
const PONG = 0x8a
/** Enough of a message to read what `Heard` tells of it. */
const NEEDED = 96
const END_OF_HEAD = Buffer.from('\r\n\r\n')
const LET_IN = 'HTTP/1.1 101'
const CRITICAL = /^42\["critical",\{"seq":(\d+),"sentAt":(\d+)/

export interface Heard {
  /** To be written to the server. */
  reply(bytes: Buffer): void
  /** It was let in: frames follow. */
  upgraded?(): void
  connected(): void
  critical(seq: number, sentAt: number): void
  /** It was not let in; the head of the answer. */
  refused?(head: string): void
  /** Any other packet of Socket.IO, Engine.IO's type first; no more of it than `NEEDED` bytes. */
  packet?(text: string): void
}

/** Reads one connection, chunk by chunk, and answers what has to be answered. */
export class WireReader {
  readonly #heard: Heard
  /** Of the current frame, bytes to come that nobody looks at. */
  #skip = 0
  #held: Buffer | undefined
  #inHead = true

  constructor(heard: Heard) {
    this.#heard = heard
  }

  /** @param chunk not kept */
  read(chunk: Buffer): void {
    const skipped = Math.min(this.#skip, chunk.length)
    this.#skip -= skipped
    if (skipped === chunk.length) return
    const rest = chunk.subarray(skipped)
    const bytes = this.#held ? Buffer.concat([this.#held, rest]) : rest
    this.#held = undefined
    const at = this.#inHead ? this.#afterHead(bytes) : 0
    const left = this.#frames(bytes, at)
    if (left < bytes.length) this.#held = Buffer.from(bytes.subarray(left))
  }

  #afterHead(bytes: Buffer): number {
    const end = bytes.indexOf(END_OF_HEAD)
    if (end < 0) return 0
    const head = bytes.toString('latin1', 0, end)
    if (!head.startsWith(LET_IN)) {
      this.#heard.refused?.(head)
      return bytes.length
    }
    this.#inHead = false
    this.#heard.upgraded?.()
    return end + END_OF_HEAD.length
  }

  /** @returns where the first frame begins that too little is there of */
  #frames(bytes: Buffer, from: number): number {
    if (this.#inHead) return from
    let at = from
    while (at + 2 <= bytes.length) {
      const short = bytes[at + 1]!
      const header = short < 126 ? 2 : short === 126 ? 4 : 10
      if (at + header > bytes.length) return at
      const payload =
        short < 126
          ? short
          : short === 126
            ? bytes.readUInt16BE(at + 2)
            : Number(bytes.readBigUInt64BE(at + 2))
      const start = at + header
      if (bytes.length < start + Math.min(payload, NEEDED)) return at
      this.#frame(bytes[at]!, bytes.subarray(start, start + Math.min(payload, NEEDED)))
      at = start + payload
    }
    if (at <= bytes.length) return at
    this.#skip = at - bytes.length
    return bytes.length
  }

  #frame(kind: number, start: Buffer): void {
    if (kind === PING) this.#heard.reply(frame(PONG, start))
    if (kind === TEXT) this.#packet(start.toString('latin1'))
  }

  /** @param text Engine.IO's type first; after a message's, Socket.IO's */
  #packet(text: string): void {
    const [, seq, sentAt] = CRITICAL.exec(text) ?? []
    if (seq !== undefined) this.#heard.critical(Number(seq), Number(sentAt))
    else if (text.startsWith('0')) this.#heard.reply(frame(TEXT, JOIN))
    else if (text.startsWith('2')) this.#heard.reply(frame(TEXT, PONG_PACKET))
    else if (text.startsWith('40')) this.#heard.connected()
    else if (text.startsWith('4')) this.#heard.packet?.(text)
  }
}

/** A packet of Engine.IO, as a client sends it. */
export function textFrame(packet: string): Buffer {
  return frame(TEXT, Buffer.from(packet))
}

/** A WebSocket's end in good order. */
export function closeFrame(): Buffer {
  return frame(CLOSE, Buffer.from([NORMAL_CLOSURE >> 8, NORMAL_CLOSURE & 0xff]))
}

/** Of the WebSocket protocol itself, as is the other. */
export function pingFrame(payload: Buffer): Buffer {
  return frame(PING, payload)
}

export function pongFrame(payload: Buffer): Buffer {
  return frame(PONG, payload)
}

/** Masked, as a client has to, with zeros. */
function frame(kind: number, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from([kind, 0x80 | payload.length, 0, 0, 0, 0]), payload])
}
