import { Agent, request } from 'node:http'
import { connect, Socket } from 'node:net'
import { SOCKET_IO_PATH, upgradeRequest } from '../harness/handshake.ts'
import { pingFrame, pongFrame, textFrame } from '../harness/wire.ts'
import { type AttackName, userAgentOf } from './attacks.ts'

/** A few a second, to fill what the kernel takes in the time of a short run. */
const MORE = textFrame('42["more"]')
const MORE_EVERY_MS = 500
const OFTEN_MS = 100
const JOIN_AFTER_MS = 1000
const SECOND_MS = 1000
/** What it is answered is more than a kernel takes of what nobody reads. */
const HUGE = '42["huge"]'
/** Of a marker's frame: a ping of 12 bytes. */
const MARKER_HEAD = Buffer.from([0x89, 12])
const TAG = 4
/** Of Engine.IO, in its frame. */
const HEARTBEAT = Buffer.from([0x81, 1, 0x32])
/** A text that announces 1000 bytes, and has five. */
const HALF_A_FRAME = Buffer.from([0x81, 0xfe, 0x03, 0xe8, 0, 0, 0, 0, 0x34, 0x32, 0x5b, 0x22, 0x78])

let turn = 0

/** One hostile client, until the server is rid of it. */
export class Intruder {
  readonly name: AttackName
  readonly #at: { readonly host: string; readonly port: number; readonly localAddress: string }
  readonly #userAgent: string
  readonly #onGone: () => void
  readonly #startedAt = performance.now()
  readonly #timers: NodeJS.Timeout[] = []
  readonly #sockets = new Set<Socket>()
  readonly #agent = new Agent({ keepAlive: true })
  /** The connection that is attacked by; those who poll have none. */
  #line: Socket | undefined
  #gone = false

  /** @param from the address that it comes from */
  constructor(name: AttackName, from: string, host: string, port: number, onGone: () => void) {
    this.name = name
    this.#at = { host, port, localAddress: from }
    this.#userAgent = userAgentOf(name)
    this.#onGone = onGone
    // whoever is refused tries again
    this.#attack().catch(() => this.end())
  }

  get seconds(): number {
    return (performance.now() - this.#startedAt) / 1000
  }

  /** Here, of its line. */
  get port(): number | undefined {
    return this.#line?.localPort
  }

  end(): void {
    if (this.#gone) return
    this.#gone = true
    for (const timer of this.#timers) clearInterval(timer)
    for (const socket of this.#sockets) socket.destroy()
    this.#agent.destroy()
    this.#onGone()
  }

  async #attack(): Promise<void> {
    switch (this.name) {
      case 'deaf':
        this.#join(this.#open(SOCKET_IO_PATH, 'nothing'))
        return
      case 'drip':
        this.#join(this.#open(SOCKET_IO_PATH, 'a byte'))
        this.#every(SECOND_MS, (line) => line.resume())
        return
      case 'pinger':
        this.#join(this.#open(SOCKET_IO_PATH, 'nothing'))
        this.#everyOnceJoined(MORE_EVERY_MS, (line) => {
          line.write(Buffer.concat([pingFrame(Buffer.from('ping')), textFrame('3'), MORE]))
        })
        return
      case 'forger':
        return this.#forge()
      case 'legacy':
        this.#open(SOCKET_IO_PATH.replace('EIO=4', 'EIO=3'), 'nothing')
        this.#everyOnceJoined(MORE_EVERY_MS, (line) =>
          line.write(Buffer.concat([textFrame('2'), MORE])),
        )
        return
      case 'prober':
        return this.#probe()
      case 'unread':
        return this.#pollUnread()
      case 'flood':
        return this.#flood()
      case 'joinless':
        this.#open(SOCKET_IO_PATH, 'all')
        return
      case 'halfOpen': {
        const line = this.#connect('all')
        line.write(`GET ${SOCKET_IO_PATH} HTTP/1.1\r\nHost: x\r\n`)
        return
      }
      case 'midFrame': {
        const line = this.#open(SOCKET_IO_PATH, 'all')
        this.#join(line)
        const resets = turn++ % 2 === 0
        this.#timers.push(
          setTimeout(() => {
            line.write(HALF_A_FRAME, () => (resets ? line.resetAndDestroy() : line.end()))
          }, 2 * JOIN_AFTER_MS),
        )
        return
      }
    }
  }

  /** Engine.IO drops what comes before it has let a client in, and not all read its answer. */
  #join(line: Socket): void {
    this.#timers.push(setTimeout(() => line.write(textFrame('40')), JOIN_AFTER_MS))
  }

  /** Reads until it has seen a marker, answers it, and then makes up what it answers. */
  #forge(): void {
    const line = this.#open(SOCKET_IO_PATH, 'all')
    this.#join(line)
    let received = Buffer.alloc(0)
    const read = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk])
      const at = received.indexOf(MARKER_HEAD)
      if (at < 0 || received.length < at + MARKER_HEAD.length + 12) return
      const payload = Buffer.from(received.subarray(at + MARKER_HEAD.length).subarray(0, 12))
      line.off('data', read)
      line.pause()
      line.write(pongFrame(payload))
      this.#every(OFTEN_MS, () => {
        for (let n = TAG; n < payload.length; n++) payload[n] = Math.floor(Math.random() * 256)
        line.write(Buffer.concat([pongFrame(payload), textFrame('3')]))
      })
      this.#every(MORE_EVERY_MS, () => line.write(MORE))
    }
    line.on('data', read)
  }

  async #probe(): Promise<void> {
    const sid = await this.#session()
    await this.#ask('GET', sid)
    this.#every(SECOND_MS, () => {
      const probe = this.#connect('all', false)
      probe.write(upgradeRequest(`${SOCKET_IO_PATH}&sid=${sid}`, this.#userAgent))
      probe.once('data', (head: Buffer) => {
        if (head.toString('latin1').startsWith('HTTP/1.1 101')) probe.write(textFrame('2probe'))
        // there is no such session any more
        else this.end()
      })
      setTimeout(() => probe.destroy(), SECOND_MS / 2)
    })
  }

  async #pollUnread(): Promise<void> {
    const sid = await this.#session()
    await this.#ask('POST', sid, HUGE)
    const line = this.#connect('nothing', false)
    line.write(
      `GET ${pollingPath(sid)} HTTP/1.1\r\nHost: x\r\nUser-Agent: ${this.#userAgent}\r\n\r\n`,
    )
    // what is no session any more is refused
    this.#every(SECOND_MS, () => void this.#ask('POST', sid, '3').catch(() => this.end()))
  }

  #flood(): void {
    const line = this.#open(SOCKET_IO_PATH, 'all')
    this.#join(line)
    line.on('data', (chunk: Buffer) => {
      for (let at = chunk.indexOf(MARKER_HEAD); at >= 0; at = chunk.indexOf(MARKER_HEAD, at + 2)) {
        line.write(pongFrame(Buffer.from(chunk.subarray(at + 2, at + 14))))
      }
      if (chunk.includes(HEARTBEAT)) line.write(textFrame('3'))
    })
    let joins = false
    const names = Array.from({ length: 20 }, (_, n) => `/flood-${n},`)
    this.#everyOnceJoined(SECOND_MS, () => {
      joins = !joins
      line.write(Buffer.concat(names.map((name) => textFrame(`4${joins ? 0 : 1}${name}`))))
    })
  }

  /** A polling client that has joined. @returns its Engine.IO session */
  async #session(): Promise<string> {
    const opened = await this.#ask('GET', '')
    const { sid } = JSON.parse(opened.slice(1)) as { sid: string }
    await this.#ask('POST', sid, '40')
    return sid
  }

  #open(path: string, reads: Reads): Socket {
    const line = this.#connect(reads)
    line.write(upgradeRequest(path, this.#userAgent))
    return line
  }

  /** @param isLine whether the attack ends with it */
  #connect(reads: Reads, isLine = true): Socket {
    const at = { ...this.#at, noDelay: true }
    const aByte = { buffer: Buffer.alloc(1), callback: () => false }
    const socket = reads === 'a byte' ? connect({ ...at, onread: aByte }) : new Socket()
    this.#sockets.add(socket)
    socket.on('error', () => {})
    socket.once('close', () => {
      this.#sockets.delete(socket)
      if (isLine) this.end()
    })
    // before it is connected: Node would read a first buffer
    if (reads === 'nothing') socket.pause()
    if (reads === 'all') socket.resume()
    if (isLine) this.#line = socket
    if (reads !== 'a byte') socket.connect(at)
    return socket
  }

  #every(ms: number, act: (line: Socket) => void): void {
    this.#timers.push(setInterval(() => act(this.#line!), ms))
  }

  /** Socket.IO closes who emits before it has joined. */
  #everyOnceJoined(ms: number, act: (line: Socket) => void): void {
    this.#timers.push(setTimeout(() => this.#every(ms, act), 2 * JOIN_AFTER_MS))
  }

  /** @throws Error for an answer that is none */
  #ask(method: 'GET' | 'POST', sid: string, body?: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const asked = request(
        {
          ...this.#at,
          path: sid ? pollingPath(sid) : pollingPath(),
          method,
          agent: this.#agent,
          headers: { 'User-Agent': this.#userAgent },
        },
        (response) => {
          let text = ''
          response.setEncoding('utf8')
          response.on('data', (chunk: string) => {
            text += chunk
          })
          response.on('end', () => {
            if (response.statusCode === 200) resolve(text)
            else reject(new Error(`answered ${response.statusCode}`))
          })
        },
      )
      asked.on('error', reject)
      asked.end(body)
    })
  }
}

type Reads = 'all' | 'a byte' | 'nothing'

function pollingPath(sid?: string): string {
  return `/socket.io/?EIO=4&transport=polling${sid === undefined ? '' : `&sid=${sid}`}`
}
