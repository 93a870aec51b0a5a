import { once } from 'node:events'
import { connect, type Socket as TcpSocket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

/** Bytes of a WebSocket frame, right or wrong. */
export interface FrameSpec {
  readonly opcode: number
  readonly fin?: boolean
  readonly rsv?: number
  readonly masked?: boolean
  readonly payload: Uint8Array
  /** Announced in place of the payload's length. */
  readonly length?: number | undefined
  /** So many bytes are sent only. */
  readonly cut?: number | undefined
}

/** RFC 6455 section 5.2. */
export function frameOf(spec: FrameSpec): Buffer {
  const { opcode, fin = true, rsv = 0, masked = true, payload, length = payload.length } = spec
  const first = (fin ? 0x80 : 0) | ((rsv & 7) << 4) | (opcode & 0x0f)
  const mask = masked ? 0x80 : 0
  const head =
    length < 126
      ? Buffer.from([first, mask | length])
      : length < 65_536
        ? Buffer.from([first, mask | 126, length >> 8, length & 0xff])
        : Buffer.concat([Buffer.from([first, mask | 127]), eightBytes(length)])
  const key = Buffer.from([1, 2, 3, 4])
  const body = masked ? Buffer.from(payload.map((byte, at) => byte ^ key[at % 4]!)) : payload
  const frame = Buffer.concat([head, masked ? key : Buffer.alloc(0), body])
  return spec.cut === undefined ? frame : frame.subarray(0, spec.cut)
}

function eightBytes(length: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.writeBigUInt64BE(BigInt.asUintN(64, BigInt(length)))
  return bytes
}

export const text = (packet: string): Buffer => frameOf({ opcode: 1, payload: Buffer.from(packet) })

/** A client of bare TCP that says whatever it likes; what it is sent is taken apart. */
export class HostileSocket {
  /** Payloads of the pings that it was sent. */
  readonly pings: Buffer[] = []
  /** Those of the answers to its own. */
  readonly pongs: Buffer[] = []
  /** Engine.IO packets that it was sent. */
  readonly packets: string[] = []
  readonly #tcp: TcpSocket
  #received = Buffer.alloc(0)
  #upgraded = false

  private constructor(tcp: TcpSocket) {
    this.#tcp = tcp
    tcp.on('error', () => {})
    tcp.on('data', (chunk: Buffer) => {
      this.#received = Buffer.concat([this.#received, chunk])
      this.#parse()
    })
  }

  static async open(port: number): Promise<HostileSocket> {
    const tcp = connect(port, '127.0.0.1')
    await once(tcp, 'connect')
    return new HostileSocket(tcp)
  }

  get gone(): boolean {
    return this.#tcp.destroyed || this.#tcp.readableEnded
  }

  /** What came before the WebSocket, or instead of it. */
  response = ''

  send(bytes: Uint8Array | string): void {
    if (this.#tcp.writable) this.#tcp.write(bytes)
  }

  /** Waits until the kernel has taken what was sent. */
  async drained(): Promise<void> {
    if (this.#tcp.writableNeedDrain && !this.gone) await once(this.#tcp, 'drain')
  }

  pause(): void {
    this.#tcp.pause()
  }

  resume(): void {
    this.#tcp.resume()
  }

  end(): void {
    this.#tcp.end()
  }

  reset(): void {
    this.#tcp.resetAndDestroy()
  }

  close(): void {
    this.#tcp.destroy()
  }

  /** Bounded, since an answer may never come. */
  async until(test: () => boolean): Promise<boolean> {
    for (let turns = 0; !test() && !this.gone && turns < 20; turns++) await wait(1)
    return test()
  }

  #parse(): void {
    if (!this.#upgraded) {
      const end = this.#received.indexOf('\r\n\r\n')
      this.response = this.#received.toString('latin1')
      if (end < 0 || !this.response.startsWith('HTTP/1.1 101')) return
      this.#upgraded = true
      this.#received = this.#received.subarray(end + 4)
    }
    for (let frame = this.#next(); frame; frame = this.#next()) {
      if (frame.opcode === 9) this.pings.push(frame.payload)
      if (frame.opcode === 10) this.pongs.push(frame.payload)
      if (frame.opcode === 1) this.packets.push(frame.payload.toString())
    }
  }

  /** Frames of a server are whole, and have no mask. */
  #next(): { opcode: number; payload: Buffer } | undefined {
    const bytes = this.#received
    if (bytes.length < 2) return undefined
    const short = bytes[1]! & 0x7f
    const head = short < 126 ? 2 : short === 126 ? 4 : 10
    if (bytes.length < head) return undefined
    const length =
      short < 126 ? short : short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2))
    if (bytes.length < head + length) return undefined
    this.#received = bytes.subarray(head + length)
    return { opcode: bytes[0]! & 0x0f, payload: bytes.subarray(head, head + length) }
  }
}

export interface RequestSpec {
  readonly method?: string
  readonly query: string
  readonly headers?: ReadonlyArray<readonly [name: string, value: string]>
  readonly body?: Uint8Array | string
}

/** A request as it is on the wire; of a header's characters, those above 255 are cut. */
export function requestOf({ method = 'GET', query, headers = [], body }: RequestSpec): Buffer {
  const lines = [`${method} /socket.io/?${query} HTTP/1.1`, 'Host: x']
  for (const [name, value] of headers) lines.push(`${name}: ${value}`)
  const bytes = body === undefined ? Buffer.alloc(0) : Buffer.from(body)
  const told = headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name))
  if (body !== undefined && !told) lines.push(`Content-Length: ${bytes.length}`)
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1'), bytes])
}

export const UPGRADE: ReadonlyArray<readonly [string, string]> = [
  ['Connection', 'Upgrade'],
  ['Upgrade', 'websocket'],
  ['Sec-WebSocket-Version', '13'],
  ['Sec-WebSocket-Key', 'AAAAAAAAAAAAAAAAAAAAAA=='],
]

/** What is wrong with figures that a client may have had a hand in: paths and values. */
export function brokenFigures(value: unknown, path = ''): string[] {
  if (typeof value === 'number') {
    return Number.isFinite(value) && value >= 0 ? [] : [`${path}: ${value}`]
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) => brokenFigures(each, `${path}.${key}`))
}

/** Texts with characters that do something instead of showing. */
export function unsafeTexts(value: unknown): string[] {
  if (typeof value === 'string') return /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u.test(value) ? [value] : []
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, each]) => [
    ...unsafeTexts(key),
    ...(key === 'stack' ? [] : unsafeTexts(each)),
  ])
}

/**
 * What ends a process while a function runs. Mocha's own listeners are set aside meanwhile: they
 * would end the test, and nothing would be shrunk.
 */
export async function fatalErrors(run: () => Promise<void>): Promise<unknown[]> {
  const errors: unknown[] = []
  const collect = (error: unknown) => errors.push(error)
  const kinds = ['uncaughtException', 'unhandledRejection'] as const
  const before = kinds.map((kind) => process.listeners(kind as 'uncaughtException'))
  for (const kind of kinds) process.removeAllListeners(kind).on(kind, collect)
  try {
    await run()
    // a rejection is told of at the end of a turn
    await wait(0)
  } finally {
    for (const [index, kind] of kinds.entries()) {
      process.removeAllListeners(kind)
      for (const listener of before[index]!) process.on(kind, listener)
    }
  }
  return errors
}
