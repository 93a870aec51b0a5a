import { EventEmitter } from 'node:events'
import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import fc from 'fast-check'
import { shown } from '../../lib/base/printable.ts'
import { WebSocketGauge } from '../../lib/link/transports/websocket.ts'
import type { EngineSocket, EngineTransport } from '../../lib/socketio/engine.ts'
import { DeliveryWindow } from '../../lib/window/delivery-window.ts'
import {
  brokenFigures,
  type FrameSpec,
  fatalErrors,
  frameOf,
  HostileSocket,
  requestOf,
  text,
  UPGRADE,
  unsafeTexts,
} from '../support/clients/hostile-socket.ts'
import { messages } from '../support/messages.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'
import { often } from '../support/thorough.ts'

/** `FUZZ_SEED` repeats a run that failed, `FUZZ_RUNS` makes a longer one. */
const seed = Number(process.env.FUZZ_SEED ?? 1)
const runs = Number(process.env.FUZZ_RUNS ?? often({ usually: 30, thoroughly: 120 }))

const HIGH = 32_768
/** Of a marker's payload. */
const MARKER_BYTES = 12
const MOST_RECEIVED = 20_000
const pad = 'x'.repeat(1000)

// ---------------------------------------------------------------------------------------------
// What clients say
// ---------------------------------------------------------------------------------------------

const bytes = (maxLength: number) => fc.uint8Array({ maxLength })

const json = fc.oneof(
  fc.json({ maxDepth: 2 }),
  fc.constantFrom(
    '',
    '[',
    '{}',
    '[]',
    '["ask"]',
    '["__proto__",{"constructor":{}}]',
    '["constructor"]',
    '["connect"]',
    '["disconnect"]',
    '["disconnecting"]',
    '["error",null]',
    '["newListener"]',
    '[null]',
    '[{}]',
    '[1,2]',
    '["echo",{"_placeholder":true,"num":0}]',
    '["echo",{"_placeholder":true,"num":9}]',
    '["echo",{"_placeholder":true,"num":-1}]',
    '["echo",{"_placeholder":true,"num":"__proto__"}]',
    '{"pid":"a","offset":"b"}',
    '{"pid":["a"],"offset":{"b":1}}',
    '{"__proto__":{"polluted":true}}',
  ),
)
const namespace = fc.constantFrom(
  '',
  '/',
  '/lobby',
  '/t-1',
  '/none',
  '/__proto__',
  '/\u202e',
  '/a?b=1#c',
)
const number = fc.constantFrom(
  '0',
  '1',
  '2',
  '-1',
  '1e3',
  '99999999999999999999',
  '0x1',
  '١',
  '007',
)
/** Socket.IO packets, in what is for them one packet of Engine.IO. */
const socketPacket = fc
  .record({
    type: fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '7', 'x', ''),
    attachments: fc.option(number),
    namespace,
    id: fc.option(number),
    json,
  })
  .map(({ type, attachments, namespace, id, json }) => {
    const parts = attachments === null ? '' : `${attachments}-`
    return `4${type}${parts}${namespace && `${namespace},`}${id ?? ''}${json}`
  })
const enginePacket = fc.oneof(
  { weight: 4, arbitrary: socketPacket },
  fc.constantFrom(
    '0',
    '1',
    '2',
    '2probe',
    '3',
    '3probe',
    '5',
    '6',
    '7',
    '9',
    'b',
    'b!!',
    'bAAAA',
    '',
    '4',
  ),
  fc
    .tuple(
      fc.constantFrom('0', '1', '2', '3', '4', '5', '6', '7', 'b'),
      fc.string({ unit: 'binary' }),
    )
    .map(([type, data]) => type + data),
)

const frame: fc.Arbitrary<FrameSpec> = fc.record(
  {
    opcode: fc.integer({ min: 0, max: 15 }),
    fin: fc.boolean(),
    rsv: fc.constantFrom(0, 0, 0, 1, 2, 4),
    masked: fc.constantFrom(true, true, true, false),
    payload: bytes(300),
    length: fc.constantFrom(0, 1, 125, 126, 65_535, 65_536, 2 ** 32, 2 ** 53, 2 ** 63),
    cut: fc.nat(8),
  },
  { requiredKeys: ['opcode', 'payload'] },
)

type Step =
  | { readonly do: 'frame'; readonly frame: FrameSpec }
  | { readonly do: 'packets'; readonly packets: readonly string[] }
  | { readonly do: 'pong'; readonly payload: Uint8Array }
  | {
      readonly do: 'forge'
      /** Whose number is taken, and what is added to it. */
      readonly of: 'first' | 'latest' | 'zero'
      readonly add: number
      readonly size: number
      readonly times: number
    }
  | { readonly do: 'acks'; readonly times: number; readonly id: number | null }
  | { readonly do: 'fragments'; readonly parts: readonly Uint8Array[]; readonly ends: boolean }
  | { readonly do: 'large'; readonly opcode: number; readonly bytes: number }
  | {
      readonly do: 'post'
      readonly whose: Whose
      readonly body: Uint8Array | string
      readonly headers: ReadonlyArray<readonly [string, string]>
    }
  | { readonly do: 'poll'; readonly whose: Whose; readonly times: number }
  | { readonly do: 'upgrade'; readonly whose: Whose; readonly packets: readonly string[] }
  | {
      readonly do: 'request'
      readonly method: string
      readonly query: string
      readonly body: string
    }
  | { readonly do: 'pause' | 'resume' | 'end' | 'reset' | 'answer' }
  | { readonly do: 'traffic'; readonly messages: number }
type Whose = 'own' | 'others' | 'victim' | 'none' | '__proto__'

const agent = fc.oneof(
  fc.string({ maxLength: 20 }),
  fc.constantFrom(
    '\x9b31mred\x85',
    '\xad\xad',
    'a'.repeat(9000),
    '%00<script>',
    '\\u001b[2J',
    '\xff\xfe',
  ),
)
const header = fc.oneof(
  agent.map((value) => ['User-Agent', printable(value)] as const),
  fc.constantFrom(
    ['User-Agent', 'one\x00two'] as const,
    ['User-Agent', 'one\x1b[2Jtwo'] as const,
    ['X-Forwarded-For', '1.2.3.4, \x9b2J'] as const,
    ['Cookie', `io=${'a'.repeat(200)}; __proto__=1; =; ;;`] as const,
    ['Origin', 'null'] as const,
    ['Content-Length', '-1'] as const,
    ['Content-Length', '7'] as const,
    ['Transfer-Encoding', 'chunked'] as const,
    ['Content-Type', 'application/octet-stream'] as const,
    ['Content-Type', 'text/plain;charset=utf-7'] as const,
    ['Sec-WebSocket-Version', '8'] as const,
    ['Sec-WebSocket-Extensions', 'permessage-deflate; server_max_window_bits=99'] as const,
    ['Expect', '100-continue'] as const,
  ),
)
const headers = fc.array(header, { maxLength: 3 })
const query = fc
  .array(
    fc.oneof(
      fc.constantFrom(
        'EIO=4',
        'EIO=3',
        'EIO=99',
        'EIO=',
        'EIO[]=4',
        'transport=polling',
        'transport=websocket',
        'transport=webtransport',
        'transport=__proto__',
        'transport[]=polling',
        'sid=',
        'sid=a',
        'sid=__proto__',
        'sid=hasOwnProperty',
        'sid[]=a',
        'j=0',
        'j=__proto__',
        'b64=1',
        't=%ff%fe',
        '%',
      ),
      fc.tuple(fc.webQueryParameters({ size: 'xsmall' })).map(([parameters]) => parameters),
    ),
    { maxLength: 6 },
  )
  .map((parts) => parts.join('&'))

const whose = fc.constantFrom<Whose>(
  'own',
  'own',
  'own',
  'own',
  'others',
  'victim',
  'none',
  '__proto__',
)
const strangers = fc.constantFrom<Whose>('own', 'own', 'own', 'others', 'none', '__proto__')
const upgradePackets = fc.oneof(
  fc.constantFrom(
    ['2probe', '5'],
    ['2probe', '5', '40'],
    ['5'],
    ['2probe'],
    ['3probe', '5'],
    ['2probe', '6'],
    ['4'],
  ),
  fc.array(enginePacket, { maxLength: 3 }),
)
const body = fc.oneof(
  fc.array(enginePacket, { maxLength: 4 }).map((packets) => packets.join('\x1e')),
  fc.constantFrom(
    '',
    '\x1e',
    '\x1e\x1e',
    '1:4',
    '-1:40',
    '9999999:4',
    'bA',
    'd=4%00',
    '4'.repeat(MOST_RECEIVED + 1),
  ),
  bytes(100),
)

const step: fc.Arbitrary<Step> = fc.oneof(
  fc.record({ do: fc.constant('frame' as const), frame }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('packets' as const),
      packets: fc.array(enginePacket, { minLength: 1, maxLength: 4 }),
    }),
  },
  fc.record({
    do: fc.constant('pong' as const),
    payload: fc.oneof(
      fc.constant(new Uint8Array()),
      bytes(125),
      fc.uint8Array({ minLength: MARKER_BYTES, maxLength: MARKER_BYTES }),
    ),
  }),
  {
    weight: 4,
    arbitrary: fc.record({
      do: fc.constant('forge' as const),
      of: fc.constantFrom('first' as const, 'latest' as const, 'zero' as const),
      add: fc.constantFrom(0, 0, 1, 2, -1, 40, 2 ** 31, 2 ** 32 - 1),
      size: fc.constantFrom(12, 12, 12, 12, 4, 8, 11, 13, 125),
      times: fc.constantFrom(1, 2, 20),
    }),
  },
  fc.record({
    do: fc.constant('acks' as const),
    times: fc.constantFrom(1, 2, 3),
    id: fc.option(fc.nat(5)),
  }),
  fc.record({
    do: fc.constant('fragments' as const),
    parts: fc.array(bytes(20), { minLength: 1, maxLength: 4 }),
    ends: fc.boolean(),
  }),
  fc.record({
    do: fc.constant('large' as const),
    opcode: fc.constantFrom(1, 2, 9, 10),
    bytes: fc.constantFrom(126, MOST_RECEIVED, MOST_RECEIVED + 1, 100_000),
  }),
  fc.record({ do: fc.constant('post' as const), whose, body, headers }),
  fc.record({ do: fc.constant('poll' as const), whose, times: fc.constantFrom(1, 2) }),
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('upgrade' as const),
      whose: strangers,
      packets: upgradePackets,
    }),
  },
  fc.record({
    do: fc.constant('request' as const),
    method: fc.constantFrom('GET', 'POST', 'PUT', 'OPTIONS', 'DELETE'),
    query,
    body: fc.string({ maxLength: 20 }),
  }),
  fc.record({
    do: fc.constantFrom(
      'pause' as const,
      'resume' as const,
      'answer' as const,
      'answer' as const,
      'end' as const,
      'reset' as const,
    ),
  }),
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('traffic' as const),
      messages: fc.constantFrom(1, 5, 60),
    }),
  },
)

const session = fc.record({
  transport: fc.constantFrom('websocket', 'websocket', 'polling'),
  protocol: fc.constantFrom('4', '4', '4', '3'),
  more: fc.oneof({ weight: 3, arbitrary: fc.constant('') }, query),
  agent,
  joins: fc.constantFrom(['40'], ['40'], ['40', '40/lobby,', '40/t-7,'], []),
  steps: fc.array(step, { minLength: 1, maxLength: 12 }),
})
type Session = typeof session extends fc.Arbitrary<infer T> ? T : never

/** What Node lets pass in a header: no controls but those above 127, which are. */
function printable(value: string): string {
  return value.replace(/[^\t\x20-\x7e\x80-\xff]/g, '?')
}

// ---------------------------------------------------------------------------------------------
// A server, those who say it, and those who must not notice
// ---------------------------------------------------------------------------------------------

class Round {
  readonly logged: Array<{ fields: object; message: string }> = []
  readonly broken: string[] = []
  readonly #sids: string[] = []
  readonly #sockets: HostileSocket[] = []
  #fixture!: Fixture
  #witness!: RawClient
  #won = 0

  async run(sessions: readonly Session[]): Promise<void> {
    await this.#start()
    try {
      await Promise.all(sessions.map((each) => this.#play(each)))
      this.#traffic(3)
      await this.#witnessed()
      this.#look()
      await this.#leave()
    } finally {
      for (const socket of this.#sockets) socket.close()
      await this.#fixture.close()
    }
  }

  async #start(): Promise<void> {
    const line = (fields: object, message: string) => this.logged.push({ fields, message })
    this.#fixture = await startServer(
      {
        messages,
        namespaces: new Map([['/lobby', messages]]),
        watermarks: { low: HIGH / 2, high: HIGH },
        log: { info: line, warn: line, error: line },
      },
      { maxHttpBufferSize: MOST_RECEIVED, allowEIO3: true, connectionStateRecovery: {} },
    )
    const { io } = this.#fixture
    io.of('/lobby')
    io.of(/^\/t-\d+$/)
    io.on('connection', (socket) => {
      socket.on('echo', (value, answer) => typeof answer === 'function' && answer(value))
      socket.timeout(1000).emit('ask', () => {})
    })
    this.#witness = await this.#fixture.raw()
  }

  #victim(): string {
    return Object.keys(Reflect.get(this.#fixture.io.engine, 'clients'))[0]!
  }

  #traffic(count: number): void {
    const { io } = this.#fixture
    for (let n = 0; n < count; n++) {
      io.emit('jackpot:won', { n: this.#won++, pad })
      io.emit('reel:frame', { n, pad })
      io.emit('odds:now', { table: 'a', n, pad })
    }
    io.of('/lobby').emit('reel:frame', { n: 0, pad: pad.repeat(5) })
    io.emit('blob', { data: Buffer.alloc(500), n: 0 })
  }

  /** The well-behaved client has each critical message, once and in order. */
  async #witnessed(): Promise<void> {
    const got = () => this.#witness.received<{ n: number }>('jackpot:won').map(({ n }) => n)
    await eventually(() => got().length >= this.#won || !this.#witness.open, 5000)
    expect(got(), 'what the witness has').to.deep.equal([...Array(this.#won).keys()])
    expect(this.#witness.open).to.equal(true)
  }

  /** What has to hold at any time. */
  #look(): void {
    const { io, spillway } = this.#fixture
    const stats = spillway!.stats()
    const { limit, emergency } = stats.watermarks
    const clients = [...spillway!.clients()]
    expect(stats.clients.connected).to.equal(io.engine.clientsCount)
    expect(clients.length).to.equal(io.engine.clientsCount)
    expect(brokenFigures(stats)).to.deep.equal([])
    for (const client of clients) {
      expect(brokenFigures(client)).to.deep.equal([])
      expect(client.window).to.be.at.most(Math.max(limit, emergency / 2))
      expect(client.inFlight).to.be.at.most(client.sent.bytes)
    }
    expect(unsafeTexts([clients, spillway!.closed(), this.logged])).to.deep.equal([])
  }

  /** All but the witness go; what stays of them is a line in the log. */
  async #leave(): Promise<void> {
    const { io, spillway } = this.#fixture
    for (const socket of this.#sockets.filter((_, index) => index % 2 === 0)) socket.close()
    const [witness] = [...spillway!.clients()]
    await turn()
    for (const { id } of [...spillway!.clients()]) {
      if (id !== witness!.id) spillway!.terminate(id)
    }
    await eventually(() => io.engine.clientsCount === 1, 5000)
    this.#look()
    this.#traffic(1)
    await this.#witnessed()
    expect(spillway!.stats().clients).to.include({ connected: 1, congested: 0 })
  }

  async #play({ transport, protocol, more, agent, joins, steps }: Session): Promise<void> {
    const client = new Hostile(this, protocol)
    await client.enter(transport, more, printable(agent), joins)
    for (const each of steps) {
      if (each.do === 'traffic') this.#traffic(each.messages)
      else await client.do(each)
      await turn()
      this.#look()
    }
  }

  async socket(): Promise<HostileSocket> {
    const socket = await HostileSocket.open(this.#fixture.port)
    this.#sockets.push(socket)
    return socket
  }

  entered(sid: string): void {
    this.#sids.push(sid)
  }

  sidOf(whose: Whose, own: string | undefined): string | undefined {
    if (whose === 'own') return own
    if (whose === 'none') return undefined
    if (whose === 'victim') return this.#victim()
    return whose === 'others' ? this.#sids.find((sid) => sid !== own) : whose
  }
}

class Hostile {
  readonly #round: Round
  readonly #protocol: string
  #again: (() => Promise<void>) | undefined
  #socket: HostileSocket | undefined
  #sid: string | undefined

  constructor(round: Round, protocol: string) {
    this.#round = round
    this.#protocol = protocol
  }

  async enter(transport: string, more: string, agent: string, joins: readonly string[]) {
    const socket = await this.#round.socket()
    const upgrade = transport === 'websocket' ? UPGRADE : []
    socket.send(
      requestOf({
        query: `EIO=${this.#protocol}&transport=${transport}&${more}`,
        headers: [['User-Agent', agent], ...upgrade],
      }),
    )
    const opened = () => /"sid":"([^"]+)"/.exec(socket.packets[0] ?? socket.response)?.[1]
    await socket.until(() => opened() !== undefined || socket.response.includes(' 400 '))
    this.#sid = opened()
    if (this.#sid !== undefined) this.#round.entered(this.#sid)
    if (transport === 'websocket') {
      this.#socket = socket
      this.#again = () => this.enter(transport, '', agent, joins)
      for (const join of joins) socket.send(text(join))
    } else {
      await this.do({ do: 'post', whose: 'own', body: joins.join('\x1e'), headers: [] })
    }
  }

  async do(step: Exclude<Step, { do: 'traffic' }>): Promise<void> {
    if (this.#socket?.gone) await this.#again?.()
    const socket = this.#socket
    switch (step.do) {
      case 'frame':
        return socket?.send(frameOf(step.frame))
      case 'packets':
        for (const packet of step.packets) socket?.send(text(packet))
        return
      case 'pong':
        return socket?.send(frameOf({ opcode: 10, payload: step.payload }))
      case 'answer':
        for (const payload of socket?.pings.splice(0) ?? []) {
          socket?.send(frameOf({ opcode: 10, payload }))
        }
        return
      case 'forge': {
        const payload = this.#forged(step)
        for (let n = 0; n < step.times; n++) socket?.send(frameOf({ opcode: 10, payload }))
        return
      }
      case 'acks': {
        const asked = socket?.packets.map((packet) => /^42(\d+)\["ask"/.exec(packet)?.[1])
        const id = step.id ?? asked?.find((each) => each !== undefined) ?? 0
        for (let n = 0; n < step.times; n++) socket?.send(text(`43${id}[{"__proto__":1}]`))
        return
      }
      case 'fragments':
        for (const [index, payload] of step.parts.entries()) {
          const fin = step.ends && index === step.parts.length - 1
          socket?.send(frameOf({ opcode: index === 0 ? 1 : 0, fin, payload }))
        }
        return
      case 'large':
        return socket?.send(
          frameOf({ opcode: step.opcode, payload: Buffer.alloc(step.bytes, '4') }),
        )
      case 'post':
        return this.#ask('POST', this.#sidQuery(step.whose), step.body, step.headers)
      case 'poll':
        for (let n = 0; n < step.times; n++) void this.#ask('GET', this.#sidQuery(step.whose))
        return
      case 'upgrade':
        return this.#upgrade(step)
      case 'request':
        return this.#ask(step.method, step.query, step.method === 'GET' ? undefined : step.body)
      default:
        return socket?.[step.do]()
    }
  }

  /** A pong of our own form, if a ping has shown it. */
  #forged({ of, add, size }: Extract<Step, { do: 'forge' }>): Buffer {
    const pings = this.#socket?.pings ?? []
    const payload = Buffer.alloc(Math.max(MARKER_BYTES, size))
    const seen = of === 'first' ? pings[0] : pings.at(-1)
    seen?.copy(payload)
    const number = of === 'zero' || seen?.length !== MARKER_BYTES ? 0 : seen.readUInt32BE(8)
    payload.writeUInt32BE((number + add) >>> 0, 8)
    return payload.subarray(0, size)
  }

  #sidQuery(whose: Whose): string {
    const sid = this.#round.sidOf(whose, this.#sid)
    return `EIO=${this.#protocol}&transport=polling${sid === undefined ? '' : `&sid=${sid}`}`
  }

  async #ask(
    method: string,
    query: string,
    body?: Uint8Array | string,
    headers: ReadonlyArray<readonly [string, string]> = [],
  ): Promise<void> {
    const socket = await this.#round.socket()
    socket.send(requestOf({ method, query, headers, ...(body === undefined ? {} : { body }) }))
    // a poll may be answered much later
    await socket.until(() => socket.response.includes('\r\n\r\n'))
  }

  async #upgrade({ whose, packets }: Extract<Step, { do: 'upgrade' }>): Promise<void> {
    const socket = await this.#round.socket()
    const sid = this.#round.sidOf(whose, this.#sid)
    const query = `EIO=${this.#protocol}&transport=websocket&sid=${sid ?? ''}`
    socket.send(requestOf({ query, headers: UPGRADE }))
    for (const packet of packets) socket.send(text(packet))
    await socket.until(() => socket.response !== '')
    if (packets.includes('5')) this.#socket = socket
  }
}

describe('Whatever clients send', function () {
  this.timeout(600_000)

  it('harms only themselves', async () => {
    const property = fc.asyncProperty(
      fc.array(session, { minLength: 1, maxLength: 4 }),
      async (sessions) => {
        const round = new Round()
        const errors = await fatalErrors(() => round.run(sessions))
        expect(errors, 'would have ended the process').to.deep.equal([])
        expect(Reflect.get({}, 'polluted')).to.equal(undefined)
      },
    )
    await fc.assert(property, {
      seed,
      numRuns: runs,
      endOnFailure: false,
      interruptAfterTimeLimit: 300_000,
    })
  })
})

describe('A pong', () => {
  /** A gauge of a WebSocket that sends nothing, and what it was told. */
  function gauge() {
    const pings: Buffer[] = []
    const answered: number[] = []
    const unasked: number[] = []
    const ws = Object.assign(new EventEmitter(), {
      bufferedAmount: 0,
      terminate() {},
      ping: (payload: Buffer) => pings.push(payload),
    })
    const transport = Object.assign(new EventEmitter(), {
      name: 'websocket',
      writable: true,
      socket: ws,
    })
    const host = {
      unasked: () => unasked.push(unasked.length),
      plain: false,
      busyTime: 0,
      whenTickEnds() {},
      afterTick() {},
    }
    const events = {
      host,
      ready() {},
      responded: () => 0,
      answered: (sequence: number) => answered.push(sequence),
      closes() {},
      followsDrain: false,
    }
    const gauge = new WebSocketGauge(
      { protocol: 4 } as EngineSocket,
      transport as unknown as ConstructorParameters<typeof WebSocketGauge>[1] & EngineTransport,
      events,
    )
    return { gauge, ws, pings, answered, unasked }
  }

  it('answers the marker whose payload it has, and no other', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 32 - 1 }), (sequence) => {
        const { gauge: each, ws, pings, answered } = gauge()
        each.mark(sequence)
        ws.emit('pong', pings[0]!)
        expect(answered).to.deep.equal([sequence])
      }),
      { seed },
    )
  })

  it('of another form answers nothing', () => {
    const { gauge: each, ws, pings, answered } = gauge()
    each.mark(7)
    const marker = pings[0]!
    const other = fc.oneof(
      bytes(125),
      fc.uint8Array({ minLength: MARKER_BYTES, maxLength: MARKER_BYTES }),
      fc.nat(MARKER_BYTES - 1).map((length) => marker.subarray(0, length)),
      bytes(113)
        .filter(({ length }) => length > 0)
        .map((more) => Buffer.concat([marker, more])),
      fc.tuple(fc.nat(MARKER_BYTES - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
        const forged = Buffer.from(marker)
        forged[at]! ^= flip
        return forged
      }),
    )
    fc.assert(
      fc.property(other, (payload) => {
        ws.emit('pong', Buffer.from(payload))
        expect(answered).to.deep.equal([])
      }),
      { seed, numRuns: 2000 },
    )
  })

  it('that is forged moves the window by what was written, once', () => {
    const sequence = fc.oneof(
      fc.integer({ min: -3, max: 30 }),
      fc.constantFrom(Number.NaN, Number.POSITIVE_INFINITY, -1, 0.5, 2 ** 32, 2 ** 53),
    )
    const action = fc.oneof(
      fc.record({ do: fc.constant('write' as const), bytes: fc.integer({ min: 1, max: 50_000 }) }),
      fc.record({ do: fc.constant('mark' as const), behind: fc.nat(60_000) }),
      fc.record({ do: fc.constant('answer' as const), sequence }),
    )
    const actions = fc.array(fc.tuple(action, fc.double({ min: 0, max: 1000, noNaN: true })), {
      maxLength: 60,
    })
    fc.assert(
      fc.property(actions, (all) => {
        const window = new DeliveryWindow()
        let [now, written, marked, known] = [0, 0, 0, 0]
        for (const [each, passed] of all) {
          now += passed
          const before = window.inFlight
          if (each.do === 'write') {
            window.written(each.bytes, now)
            written += each.bytes
          } else if (each.do === 'mark') marked = window.marked(now, each.behind)
          else {
            const isNew = each.sequence > known && each.sequence <= marked
            expect(window.answered(each.sequence, now)).to.equal(isNew)
            if (isNew) known = each.sequence
            expect(window.inFlight).to.be.at.most(before)
          }
          expect(window.inFlight).to.be.within(0, written)
          const size = window.size(1000, HIGH)
          expect(size).to.be.within(0, HIGH)
          const { rtt, minRtt, rate, leastRate } = window.path
          expect(brokenFigures({ rtt, minRtt, rate, leastRate })).to.deep.equal([])
        }
      }),
      { seed, numRuns: 1000 },
    )
  })
})

describe('Text that a client made up', () => {
  it('is shown cut, and without characters that do something', () => {
    const made = fc.oneof(
      fc.string({ unit: 'binary', maxLength: 400 }),
      fc
        .array(fc.constantFrom('\x1b[2J', '\x9b', '\r\n', '\u202e', '\u2028', '\0', 'a'), {
          maxLength: 300,
        })
        .map((parts) => parts.join('')),
    )
    fc.assert(
      fc.property(made, (given) => {
        expect(unsafeTexts(shown(given))).to.deep.equal([])
        expect(shown(given).length).to.be.at.most(201)
      }),
      { seed },
    )
  })
})
