import { once } from 'node:events'
import { createServer, type Server as HttpServer } from 'node:http'
import { Server as HttpsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { Server, type ServerOptions } from 'socket.io'
import { connect, type ManagerOptions, type Socket, type SocketOptions } from 'socket.io-client'
import { type ClientOptions, WebSocket } from 'ws'
import { attach } from '../../../lib/attach.ts'
import { MiB } from '../../../lib/base/units.ts'
import type { Spillway } from '../../../lib/spillway.ts'
import type { SpillwayOptions } from '../../../lib/spillway-options.ts'
import type { MessageMap } from '../../../schemas/events.ts'

/** Watermarks of which only `low` and `high` matter in a spec, and nothing but bytes. */
export const ROOMY = {
  low: 65_536,
  high: 131_072,
  limit: 256 * MiB,
  emergency: 512 * MiB,
  horizon: 0,
}

/** A real server on a free port; everything that it opened is closed by `close`. */
export interface Fixture {
  readonly io: Server
  readonly http: HttpServer
  readonly url: string
  readonly port: number
  readonly spillway: Spillway | undefined
  /** A real socket.io-client, connected. */
  client(options?: Partial<ManagerOptions & SocketOptions>, namespace?: string): Promise<Socket>
  /** A WebSocket that speaks just enough Socket.IO, and can stop reading. */
  raw(options?: {
    namespace?: string
    query?: string
    autoPong?: boolean
    /** Of Engine.IO. */
    protocol?: 3 | 4
    /** Options of `ws`. */
    ws?: ClientOptions
    /** Sent in place of joining the namespace; nothing is waited for then. */
    joins?: readonly string[]
  }): Promise<RawClient>
  close(): Promise<void>
}

/** `plain` leaves the plugin out, to compare with. */
export async function startServer(
  options: SpillwayOptions | 'plain' = {},
  serverOptions: Partial<ServerOptions> = {},
  http: HttpServer | HttpsServer = createServer(),
): Promise<Fixture> {
  const io = new Server(http, serverOptions)
  const spillway =
    options === 'plain' ? undefined : attach<MessageMap>(io, { watermarks: ROOMY, ...options })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  const { port } = http.address() as AddressInfo
  const url = `${http instanceof HttpsServer ? 'https' : 'http'}://127.0.0.1:${port}`
  const clients: Array<{ close(): unknown }> = []
  return {
    io,
    http,
    url,
    port,
    spillway,
    ...connectors(url, clients),
    async close() {
      for (const client of clients) client.close()
      spillway?.close()
      await io.close()
    },
  }
}

/** The ways to connect to a server; what they open is put into `clients`, to be closed. */
export function connectors(
  url: string,
  clients: Array<{ close(): unknown }>,
): Pick<Fixture, 'client' | 'raw'> {
  return {
    async client(clientOptions = {}, namespace = '/') {
      const client = connect(`${url}${namespace}`, {
        transports: ['websocket'],
        forceNew: true,
        reconnection: false,
        ...clientOptions,
      })
      clients.push(client)
      await new Promise<void>((resolve, reject) => {
        client.once('connect', resolve)
        client.once('connect_error', reject)
      })
      return client
    },
    async raw({ namespace = '/', query = '', autoPong = true, protocol = 4, ws = {}, joins } = {}) {
      const client = new RawClient(
        `${url.replace('http', 'ws')}/socket.io/?EIO=${protocol}&transport=websocket${query}`,
        { autoPong, ...ws },
      )
      clients.push(client)
      if (joins) await client.say(joins)
      // Socket.IO itself joins it to the main namespace
      else if (protocol === 3) await client.until(() => client.frames.includes('40'))
      else await client.join(namespace)
      return client
    },
  }
}

/** Every frame as it came, and a switch that makes TCP push back on the server. */
export class RawClient {
  readonly frames: Array<string | Buffer> = []
  readonly #socket: WebSocket
  #checking = false
  #waiting: Array<{ test: () => boolean; resolve: () => void }> = []

  constructor(url: string, options: ClientOptions = {}) {
    this.#socket = new WebSocket(url, { perMessageDeflate: false, ...options })
    this.#socket.on('message', (data: Buffer, binary: boolean) => {
      const frame = binary ? data : data.toString()
      if (frame === '2') this.#socket.send('3')
      this.frames.push(frame)
      this.#check()
    })
    this.#socket.on('close', () => this.#check())
    this.#socket.on('error', () => {})
  }

  get open(): boolean {
    return this.#socket.readyState === WebSocket.OPEN
  }

  async say(packets: readonly string[]): Promise<void> {
    if (!this.open) await once(this.#socket, 'open')
    for (const packet of packets) this.send(packet)
  }

  async join(namespace: string): Promise<void> {
    const name = namespace === '/' ? '' : `${namespace},`
    await this.say([`40${name}`])
    await this.until(() => this.frames.some((frame) => String(frame).startsWith(`40${name}{`)))
  }

  send(frame: string): void {
    this.#socket.send(frame)
  }

  /** Stops reading: the kernel's buffers fill, then the server's. */
  stall(): void {
    this.#socket.pause()
  }

  resume(): void {
    this.#socket.resume()
  }

  /** Names of the events received, in order; attachments as `(binary)`. */
  get events(): string[] {
    return this.frames
      .filter((frame) => typeof frame !== 'string' || /^4[25]/.test(frame))
      .map((frame) =>
        typeof frame === 'string' ? (/\["([^"]*)"/.exec(frame)?.[1] ?? '') : '(binary)',
      )
  }

  /** Payloads of one event, its first argument each. */
  received<T>(event: string): T[] {
    return this.frames
      .filter((frame): frame is string => typeof frame === 'string')
      .map((frame) => /^42(?:[^[,]*,)?\d*(\[.*)$/s.exec(frame)?.[1])
      .filter((json) => json !== undefined)
      .map((json) => JSON.parse(json) as [string, T])
      .filter(([name]) => name === event)
      .map(([, payload]) => payload)
  }

  until(test: () => boolean): Promise<void> {
    if (test()) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ test, resolve }))
  }

  close(): void {
    this.#socket.terminate()
  }

  /** Once for all frames of a turn of the loop, since a test may look at all frames. */
  #check(): void {
    if (this.#checking || this.#waiting.length === 0) return
    this.#checking = true
    setTimeout(() => {
      this.#checking = false
      this.#settle()
    }, 2)
  }

  #settle(): void {
    this.#waiting = this.#waiting.filter(({ test, resolve }) => {
      if (!test()) return true
      resolve()
      return false
    })
  }
}

/** Waits for something on the server's side that has no event; bounded, so that it can fail. */
export async function eventually(test: () => boolean, within = 10_000): Promise<void> {
  for (const end = Date.now() + within; !test(); ) {
    if (Date.now() > end) throw new Error(`not within ${within} ms: ${test}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
}
