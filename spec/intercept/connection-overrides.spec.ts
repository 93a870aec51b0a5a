import { once } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import * as ws from 'ws'
import type { SpillwayOptions } from '../../lib/spillway-options.ts'
import { startServer } from '../support/servers/server.ts'

interface Conn {
  readonly transport: object
  send(...args: unknown[]): Conn
  write(...args: unknown[]): Conn
  close(): void
  on(event: 'packetCreate', listener: (packet: { data?: unknown; options: object }) => void): void
}

/** What a call did that its caller can see, and what the client received. */
interface Course {
  readonly log: unknown[]
  readonly received: readonly string[]
}

interface Way {
  readonly transport: 'websocket' | 'polling'
  readonly protocol: 3 | 4
  /** The client asks for bytes as text. */
  readonly base64?: boolean
}

const WAYS: readonly Way[] = [
  { transport: 'websocket', protocol: 4 },
  { transport: 'websocket', protocol: 4, base64: true },
  { transport: 'websocket', protocol: 3 },
  { transport: 'polling', protocol: 4 },
  { transport: 'polling', protocol: 3, base64: true },
]

/** Makes one call, given a callback that notes when and how it is called. */
type Call = (callback: (name: string) => (...args: unknown[]) => void) => unknown[]

const { WebSocket, Sender } = ws as unknown as {
  WebSocket: typeof ws.WebSocket
  Sender: { frame(data: Buffer, options: object): Buffer[] }
}
/** A turn of the loop, after which messages would wait. */
const PATIENT_MS = 1000
const text = 'text'
const bytes = Buffer.from('bytes')
const floats = new Float32Array([1.5, 2.5, 3.5])
const preEncoded = (data: string) =>
  Sender.frame(Buffer.from(data), {
    readOnly: false,
    mask: false,
    rsv1: false,
    opcode: 1,
    fin: true,
  })
const frame = preEncoded('4frame')

const CALLS: Readonly<Record<string, readonly Call[]>> = {
  'without data': [
    () => [],
    () => [undefined],
    () => [null],
    () => [''],
    () => [0],
    () => [false],
    () => [undefined, { compress: false }],
    (callback) => [undefined, callback('a')],
    (callback) => ['', {}, callback('b')],
  ],
  'with texts and what becomes one': [
    () => [text],
    () => ['\u{1f3b0} \ud800 \0'],
    () => ['x'.repeat(5000)],
    () => [5],
    () => [true],
    () => [10n],
    () => [{ an: 'object' }],
    () => [[1, 2]],
    () => [new String('boxed')],
    () => [new SharedArrayBuffer(4)],
  ],
  'with bytes of any kind': [
    () => [bytes],
    () => [Buffer.alloc(0)],
    () => [new Uint8Array([1, 2, 3])],
    () => [new Uint8Array([1, 2, 3]).subarray(1)],
    () => [floats],
    () => [floats.subarray(1)],
    () => [new DataView(floats.buffer, 4, 4)],
    () => [floats.buffer],
    () => [new ArrayBuffer(0)],
    () => [Buffer.alloc(5000, 'b')],
  ],
  'with options': [
    () => [text, undefined],
    () => [text, {}],
    () => [text, { compress: true }],
    () => [text, { compress: false }],
    () => [text, { compress: undefined, other: 1 }],
    () => [text, { volatile: true }],
    () => [text, null],
    () => [text, Object.freeze({})],
    () => [text, 1],
    () => [bytes, { compress: false }],
  ],
  'with callbacks': [
    (callback) => [text, callback('a')],
    (callback) => [text, undefined, callback('b')],
    (callback) => [text, {}, callback('c')],
    () => [text],
    (callback) => [text, callback('d'), callback('never')],
    (callback) => [bytes, { compress: false }, callback('e')],
    () => [text, {}, undefined],
    (callback) => ['x'.repeat(5000), callback('f')],
    () => [bytes],
    (callback) => [text, callback('g')],
  ],
  'with a frame that was encoded in advance': [
    () => [text, { wsPreEncodedFrame: frame }],
    () => [text, { wsPreEncodedFrame: [Buffer.concat(frame)] }],
    () => [undefined, { wsPreEncodedFrame: frame }],
    () => [bytes, { wsPreEncodedFrame: preEncoded('4') }],
    (callback) => [text, { wsPreEncodedFrame: preEncoded('4called') }, callback('a')],
    () => [text, { wsPreEncodedFrame: undefined }],
    () => ['longer than its frame', { wsPreEncodedFrame: frame }],
    () => [text, { wsPreEncodedFrame: preEncoded(`4${'x'.repeat(5000)}`), compress: false }],
  ],
}

/** Calls the methods of a connection. @param isWatched whether somebody listens to its packets */
async function courseOf(
  options: SpillwayOptions | 'plain',
  way: Way,
  method: 'send' | 'write',
  calls: readonly Call[],
  isWatched: boolean,
): Promise<Course> {
  const { io, url, close } = await startServer(options, { allowEIO3: true, pingInterval: 60_000 })
  const client = new EngineClient(url, way)
  try {
    const connected = once(io.engine, 'connection') as Promise<[Conn]>
    await client.open()
    const [conn] = await connected
    const log: unknown[] = []
    if (isWatched) {
      conn.on('packetCreate', ({ data, options }) =>
        log.push(['packet', shown(data), shown(options)]),
      )
    }
    const callback =
      (name: string) =>
      (...args: unknown[]) => {
        log.push(['callback', name, args.length, args[0] === conn.transport])
      }
    for (const call of calls) {
      const args = call(callback)
      try {
        log.push(conn[method](...args) === conn ? 'itself' : 'something else')
      } catch (error) {
        log.push(`throws ${(error as Error).name}`)
      }
      log.push(shown(args[1]))
    }
    // before Engine.IO 6.6 each write over WebSocket leads to one callback at most
    for (let n = 0; n <= calls.length; n++) {
      conn[method](`last ${n}`)
      await client.until((received) => received.at(-1) === `4last ${n}`)
      await turn()
    }
    return { log, received: client.received }
  } finally {
    client.close()
    await close()
  }
}

function shown(value: unknown): unknown {
  if (typeof value !== 'object' || value === null)
    return typeof value === 'function' ? 'function' : value
  if (ArrayBuffer.isView(value)) return `${value.constructor.name} of ${value.byteLength}`
  if (value instanceof ArrayBuffer) return `ArrayBuffer of ${value.byteLength}`
  return { ...value, ...('wsPreEncodedFrame' in value && { wsPreEncodedFrame: 'a frame' }) }
}

/** Speaks just enough Engine.IO to show each message as it came: texts as they are, bytes in hex. */
class EngineClient {
  readonly received: string[] = []
  readonly #url: string
  readonly #way: Way
  readonly #abort = new AbortController()
  #socket: ws.WebSocket | undefined
  #sid = ''
  #onMessage = () => {}

  constructor(url: string, way: Way) {
    this.#way = way
    const scheme = way.transport === 'websocket' ? url.replace('http', 'ws') : url
    this.#url = `${scheme}/socket.io/?EIO=${way.protocol}&transport=${way.transport}${way.base64 ? '&b64=1' : ''}`
  }

  async open(): Promise<void> {
    if (this.#way.transport === 'polling') {
      for (const packet of await this.#poll()) this.#take(packet)
      void this.#follow()
      return
    }
    this.#socket = new WebSocket(this.#url, { perMessageDeflate: false })
    this.#socket.on('message', (data: Buffer, isBinary) => {
      this.#take(isBinary ? `hex ${data.toString('hex')}` : data.toString())
    })
    await once(this.#socket, 'open')
  }

  async until(test: (received: readonly string[]) => boolean): Promise<void> {
    while (!test(this.received)) {
      await new Promise<void>((resolve) => {
        this.#onMessage = resolve
      })
    }
  }

  close(): void {
    this.#abort.abort()
    this.#socket?.terminate()
  }

  #take(packet: string): void {
    if (packet.startsWith('0')) this.#sid = JSON.parse(packet.slice(1)).sid
    // what Socket.IO sends to a client of protocol 3 by itself
    else if (packet !== '40') this.received.push(packet)
    this.#onMessage()
  }

  async #follow(): Promise<void> {
    try {
      for (;;) for (const packet of await this.#poll()) this.#take(packet)
    } catch {
      // closed
    }
  }

  async #poll(): Promise<string[]> {
    const query = this.#sid && `&sid=${this.#sid}`
    const response = await fetch(this.#url + query, { signal: this.#abort.signal })
    const body = await response.text()
    if (!response.ok) throw new Error(body)
    return this.#way.protocol === 4 ? body.split('\x1e') : packetsOf(body)
  }
}

/** Of protocol 3: each packet after its length in characters. */
function packetsOf(body: string): string[] {
  const packets: string[] = []
  for (let rest = body; rest !== ''; ) {
    const colon = rest.indexOf(':')
    const end = colon + 1 + Number(rest.slice(0, colon))
    packets.push(rest.slice(colon + 1, end))
    rest = rest.slice(end)
  }
  return packets
}

describe("A connection's send and write", () => {
  for (const way of WAYS) {
    const { transport, protocol, base64 } = way
    const over = `${transport} of protocol ${protocol}${base64 ? ' in base64' : ''}`
    for (const [name, calls] of Object.entries(CALLS)) {
      it(`${name}, over ${over}, are Engine.IO's`, async () => {
        for (const method of ['send', 'write'] as const) {
          for (const isWatched of [true, false]) {
            const course = (options: SpillwayOptions | 'plain') =>
              courseOf(options, way, method, calls, isWatched)
            const plain = await course('plain')
            expect(plain.received.length).to.be.above(1)
            for (const mode of ['enforce', 'observe'] as const) {
              expect(
                await course({ mode, tickBudget: PATIENT_MS }),
                `${method}, ${mode}`,
              ).to.deep.equal(plain)
            }
          }
        }
      })
    }

    it(`with more than is handed over at once, over ${over}, lead to the same`, async () => {
      const calls: readonly Call[] = [
        (callback) => ['x'.repeat(70_000), callback('a')],
        () => [Buffer.alloc(70_000, 'b')],
        () => [text, { wsPreEncodedFrame: preEncoded(`4${'y'.repeat(70_000)}`) }],
        (callback) => [text, callback('b')],
        () => [],
      ]
      const course = async (options: SpillwayOptions | 'plain') => {
        const { log, received } = await courseOf(options, way, 'send', calls, false)
        return { callbacks: log.filter((each) => Array.isArray(each)), received }
      }
      const plain = await course('plain')
      expect(plain.callbacks).to.have.length(2)
      for (const mode of ['enforce', 'observe'] as const) {
        expect(await course({ mode, tickBudget: PATIENT_MS }), mode).to.deep.equal(plain)
      }
    })
  }

  it("are Engine.IO's when it is closing, and when it is closed", async () => {
    const course = async (options: SpillwayOptions | 'plain') => {
      const { io, raw, close } = await startServer(options)
      try {
        const connected = once(io.engine, 'connection') as Promise<[Conn]>
        const client = await raw()
        const [conn] = await connected
        const log: unknown[] = []
        const call = (...args: unknown[]) => {
          log.push(conn.send(...args) === conn, conn.write(...args) === conn, shown(args[1]))
        }
        const closed = once(conn as unknown as NodeJS.EventEmitter, 'close')
        call('before', () => log.push('callback before'))
        conn.close()
        conn.on('packetCreate', ({ data }) => log.push(data))
        call('closing')
        call('closing', {}, () => log.push('callback closing'))
        await closed
        call('closed', () => log.push('callback closed'))
        call('closed', {})
        call()
        await client.until(() => !client.open)
        return { log, frames: client.frames.slice(2) }
      } finally {
        await close()
      }
    }
    const plain = await course('plain')
    expect(plain.frames).to.deep.equal(['4before', '4before'])
    for (const mode of ['enforce', 'observe'] as const) {
      expect(await course({ mode, tickBudget: PATIENT_MS }), mode).to.deep.equal(plain)
    }
  })
})
