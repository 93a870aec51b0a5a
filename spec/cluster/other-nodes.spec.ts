import { createAdapter, createShardedAdapter } from '@socket.io/redis-adapter'
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter'
import { expect } from 'chai'
import { createClient } from 'redis'
import type { ServerOptions } from 'socket.io'
import * as msgpack from 'socket.io-msgpack-parser'
import { z } from 'zod'
import { cosmetic, critical, type Schema } from '../../schemas/priority.ts'
import { starve } from '../support/clients/flood.ts'
import { linked } from '../support/servers/nodes.ts'
import { makePair } from '../support/servers/pair-adapter.ts'
import { Redis } from '../support/servers/redis.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'

class Point {
  readonly #x: number
  constructor(x: number) {
    this.#x = x
  }
  get x(): number {
    return this.#x
  }
}
class Money {
  readonly cents = 100
  toJSON(): string {
    return `${this.cents / 100} EUR`
  }
}
const at = new Date('2026-01-01T00:00:00.000Z')
const day = z.codec(z.iso.datetime(), z.date(), {
  decode: (text) => new Date(text),
  encode: (date) => date.toISOString(),
})

/** Arguments that are valid where they are emitted, some of which are changed on the way. */
const KINDS: Readonly<Record<string, readonly [schema: Schema, valid: readonly unknown[]]>> = {
  'a number': [z.object({ n: z.number() }), [{ n: 1 }]],
  'a date': [z.object({ at: z.date() }), [{ at }]],
  'a date alone': [z.date(), [at]],
  'a date with a check': [z.object({ at: z.date().max(new Date('2030-01-01')) }), [{ at }]],
  'a refined date': [z.object({ at: z.date().refine((d) => d.getTime() > 0) }), [{ at }]],
  'a strict object': [z.strictObject({ at: z.date().optional().readonly() }), [{ at }]],
  'a branded date': [z.object({ at: z.date().brand('at') }), [{ at }]],
  'dates by key': [z.record(z.string(), z.date()), [{ a: at }]],
  'a date among arguments': [z.tuple([z.string(), z.date().optional()]), ['a', at]],
  'undefined among arguments': [
    z.tuple([z.string(), z.string().optional(), z.number()]),
    ['a', undefined, 1],
  ],
  'many dates': [z.tuple([z.string()], z.date()), ['a', at, at]],
  'no argument': [z.undefined(), []],
  'undefined in an array': [
    z.object({ list: z.array(z.string().optional()) }),
    [{ list: ['a', undefined] }],
  ],
  'undefined in an object': [
    z.object({ a: z.undefined(), b: z.literal('b') }),
    [{ a: undefined, b: 'b' }],
  ],
  'what toJSON changes': [
    z.object({ price: z.object({ cents: z.number() }) }),
    [{ price: new Money() }],
  ],
  'an instance': [z.object({ price: z.instanceof(Money) }), [{ price: new Money() }]],
  'a getter of a class': [z.object({ x: z.number() }), [new Point(1)]],
  'a map': [z.object({ map: z.map(z.string(), z.number()) }), [{ map: new Map([['a', 1]]) }]],
  'a set': [z.object({ set: z.set(z.string()) }), [{ set: new Set(['a']) }]],
  'a URL': [z.object({ url: z.instanceof(URL) }), [{ url: new URL('http://x/') }]],
  'no number': [z.object({ n: z.nan() }), [{ n: Number.NaN }]],
  'an endless number': [
    z.object({ n: z.literal(Number.POSITIVE_INFINITY) }),
    [{ n: Number.POSITIVE_INFINITY }],
  ],
  'minus zero': [z.object({ n: z.custom((n) => Object.is(n, -0)) }), [{ n: -0 }]],
  bytes: [z.object({ data: z.instanceof(Uint8Array) }), [{ data: new Uint8Array([1]) }]],
  'a buffer': [z.object({ data: z.instanceof(Buffer) }), [{ data: Buffer.from('x') }]],
  'bytes and a date': [
    z.object({ data: z.instanceof(Buffer), at: z.date() }),
    [{ data: Buffer.from('x'), at }],
  ],
  'a bare buffer': [z.object({ data: z.instanceof(ArrayBuffer) }), [{ data: new ArrayBuffer(2) }]],
  floats: [z.object({ data: z.instanceof(Float32Array) }), [{ data: new Float32Array([1]) }]],
  'a transform': [z.object({ n: z.date().transform(Number) }), [{ n: at }]],
  'a pipe': [z.object({ n: z.date().pipe(z.coerce.number()) }), [{ n: at }]],
  'a codec': [z.object({ at: day }), [{ at: at.toISOString() }]],
  'what is preprocessed': [
    z.object({ n: z.preprocess((d) => (d as Date).getTime(), z.number()) }),
    [{ n: at }],
  ],
  'what is coerced': [z.object({ at: z.coerce.date() }), [{ at }]],
  'a default': [z.object({ at: z.date().default(at) }), [{ at: undefined }]],
  'what is caught': [z.object({ at: z.date().catch(at) }), [{ at: 'x' }]],
  'a date or none': [z.object({ at: z.date().nullable() }), [{ at }]],
  'a lazy date': [z.object({ at: z.lazy(() => z.date()) }), [{ at }]],
  'a date of an intersection': [z.intersection(z.object({ at: z.date() }), z.object({})), [{ at }]],
  'a date of a branch': [
    z.discriminatedUnion('kind', [
      critical(z.object({ kind: z.literal('seat'), at: z.date() })),
      cosmetic(z.object({ kind: z.literal('chatter'), at: z.date() }), { rank: -1 }),
    ]),
    [{ kind: 'chatter', at }],
  ],
}
const isUnion = (schema: Schema) => schema._zod.def.type === 'union'
/** Of no kind. */
const WRONG = [{ wrong: true, kind: 'chatter' }, 'wrong', 'wrong']
const TAKES_ALL = new Set(['a default', 'what is caught'])

const messages: Record<string, Schema> = {
  byDate: cosmetic(z.object({ at: z.date(), n: z.number() }), { conflateBy: 'at' }),
  byFunction: cosmetic(z.object({ at: z.date(), n: z.number() }), {
    conflateBy: ({ at }) => at.getUTCMonth(),
  }),
  byNothing: cosmetic(z.object({ at: z.date().optional() }), {
    conflateBy: ({ at }) => at?.getTime(),
  }),
}
for (const [name, [schema]] of Object.entries(KINDS)) {
  messages[name] = isUnion(schema) ? schema : cosmetic(schema)
}

type Adapter = NonNullable<ServerOptions['adapter']>
type Carry = Parameters<typeof makePair>[0]

/** What msgpack makes of it, as @socket.io/redis-adapter and custom parsers use it. */
function viaMsgpack(message: unknown): unknown {
  const decoder = new msgpack.Decoder() as unknown as {
    on(event: 'decoded', listener: (packet: { data: [unknown] }) => void): void
    add(part: unknown): void
  }
  let carried: unknown
  decoder.on('decoded', ({ data }) => {
    ;[carried] = data
  })
  const packet = { type: 2, nsp: '/', data: [message] }
  const encoder = new msgpack.Encoder() as unknown as { encode(packet: object): [unknown] }
  decoder.add(encoder.encode(packet)[0])
  return carried
}

const IN_MEMORY: Readonly<Record<string, Carry>> = {
  JSON: (message) => JSON.parse(JSON.stringify(message)),
  'the structured clone of workers': structuredClone,
  msgpack: viaMsgpack as Carry,
}
/** Classes that a structured clone refuses, as Socket.IO does where nodes are workers. */
const UNCLONABLE = new Set(['a URL'])

describe('What one node emits, on another', () => {
  const open: Array<{ close(): unknown }> = []
  afterEach(async () => {
    for (const each of open.splice(0).reverse()) await each.close()
  })

  async function nodes(adapter: () => Adapter, options: Partial<ServerOptions> = {}) {
    const started: Array<Fixture & { own: RawClient }> = []
    for (let node = 0; node < 2; node++) {
      const fixture = await startServer({ messages }, { adapter: adapter(), ...options })
      open.push(fixture)
      started.push({ ...fixture, own: await fixture.raw() })
    }
    const [here, there] = started as [(typeof started)[0], (typeof started)[0]]
    await linked(here, there.own)
    return { here, there }
  }

  /** Of each class that something was sent in: class, rank, messages, invalid ones. */
  const rowsOf = ({ spillway }: Fixture, name: string) =>
    [...spillway!.readings.rules()]
      .filter(({ event, tally }) => event === name && tally.sent > 0)
      .map(({ class: of, rank, tally }) => [of, rank, tally.sent])
  const invalidOf = ({ spillway }: Fixture, name: string) =>
    [...spillway!.readings.rules()].reduce(
      (n, rule) => n + (rule.event === name ? rule.tally.invalid : 0),
      0,
    )

  async function holds(adapter: () => Adapter, without: ReadonlySet<string> = new Set()) {
    const { here, there } = await nodes(adapter)
    const names = Object.keys(KINDS).filter((name) => !without.has(name))
    for (const name of names) {
      const [schema, args] = KINDS[name]!
      here.io.emit(name, ...args)
      here.io.emit(name, ...WRONG)
      await eventually(() =>
        [here, there].every(
          (node) => rowsOf(node, name).reduce((sum, row) => sum + (row[2] as number), 0) === 2,
        ),
      )
      const rank = isUnion(schema) ? -1 : 0
      const expected = TAKES_ALL.has(name)
        ? [['cosmetic', rank, 2]]
        : [
            ['critical', 0, 1],
            ['cosmetic', rank, 1],
          ]
      expect(rowsOf(here, name), `${name}, here`).to.deep.equal(expected)
      expect(rowsOf(there, name), `${name}, there`).to.deep.equal(expected)
      expect(invalidOf(here, name), `${name}, invalid here`).to.equal(TAKES_ALL.has(name) ? 0 : 1)
      expect(invalidOf(there, name), `${name}, invalid there`).to.equal(0)
    }
  }

  /** How many wait at each of two nodes of what is conflated. */
  async function conflates(adapter: () => Adapter) {
    const { here, there } = await nodes(adapter)
    const waiting = ({ spillway }: Fixture) => [...spillway!.clients()][0]!.lanes.cosmetic.messages
    there.own.stall()
    starve(here, here.own)
    await eventually(() =>
      [here, there].every(({ spillway }) => [...spillway!.clients()][0]!.state !== 'ready'),
    )
    const conflated = ({ spillway }: Fixture) =>
      spillway!.stats().classes.cosmetic.conflated.messages
    for (let n = 0; n < 6; n++) {
      const date = new Date(Date.UTC(2026, n % 2))
      here.io.emit('byDate', { at: date, n })
      here.io.emit('byFunction', { at: date, n })
      here.io.emit('byNothing', {})
    }
    await eventually(() => [here, there].every((node) => waiting(node) + conflated(node) === 18))
    expect([here, there].map(waiting)).to.deep.equal([10, 10])
    expect([here, there].map(conflated)).to.deep.equal([8, 8])
  }

  for (const [name, carry] of Object.entries(IN_MEMORY)) {
    describe(`through ${name}`, () => {
      const adapter = () => {
        const pair = makePair(carry) as unknown as Adapter
        return () => pair
      }
      it('has the same class and rank, and is validated once', async () => {
        await holds(adapter(), name.includes('clone') ? UNCLONABLE : undefined)
      })
      it('is conflated by the same keys', () => conflates(adapter()))
    })
  }

  describe('what the nodes tell each other of a message', () => {
    const told: unknown[] = []
    const pair = () => {
      told.length = 0
      return makePair((message) => {
        const { packet } = (message as { data?: { packet?: object } }).data ?? {}
        if (packet) told.push(Reflect.get(packet, 'spillway'))
        return structuredClone(message)
      }) as unknown as Adapter
    }
    const emitAll = ({ io }: Fixture) => {
      io.emit('a date', { at })
      io.emit('a date', { at: 5 })
      io.emit('byDate', { at, n: 1 })
      io.emit('byFunction', { at, n: 1 })
      io.emit('byNothing', {})
      io.emit('unknown', 1)
      io.emit('the end')
    }

    it('is what they could not know, and nothing of most', async () => {
      const adapter = pair()
      const { here } = await nodes(() => adapter)
      await eventually(() => told.length > 0)
      told.length = 0
      emitAll(here)
      await eventually(() => told.length === 7)
      const none = undefined
      expect(told).to.deep.equal([
        ...[none, { invalid: true }, none, { key: 'number 0' }, { key: null }, none, none],
      ])
    })

    for (const [name, parser] of [
      ['text', undefined],
      ['msgpack', msgpack],
    ] as const) {
      it(`is not told to clients, in ${name}`, async () => {
        const sent: unknown[][] = []
        for (const options of ['plain', { messages }] as const) {
          const adapter = pair()
          const server = { adapter, ...(parser ? { parser } : {}) }
          const fixtures = [await startServer(options, server), await startServer(options, server)]
          open.push(...fixtures)
          const join = new msgpack.Encoder() as unknown as { encode(packet: object): [string] }
          const joins = parser ? join.encode({ type: 0, nsp: '/' }) : ['40']
          const clients: RawClient[] = []
          for (const fixture of fixtures) {
            const client = await fixture.raw({ joins })
            await client.until(() => client.frames.length === 2)
            clients.push(client)
          }
          emitAll(fixtures[0]!)
          for (const client of clients) {
            await client.until(() => client.frames.length === 9)
            sent.push(client.frames.slice(2))
          }
        }
        expect(sent[2]).to.deep.equal(sent[0])
        expect(sent[3]).to.deep.equal(sent[1])
      })
    }

    it('is heeded, whatever it is', async () => {
      const marks = [null, 5, 'x', [], { invalid: 'yes' }, { key: 5 }, { key: {} }, { nope: 1 }]
      const mark = marks.values()
      const adapter = makePair((message) => {
        const copy = structuredClone(message) as { data?: { packet?: { data: unknown[] } } }
        const { packet } = copy.data ?? {}
        if (packet?.data[0] === 'byDate') Reflect.set(packet, 'spillway', mark.next().value)
        return copy
      }) as unknown as Adapter
      const { here, there } = await nodes(() => adapter)
      for (const [n] of marks.entries()) here.io.emit('byDate', { at, n })
      await there.own.until(() => there.own.received('byDate').length === marks.length)
      expect(rowsOf(there, 'byDate')).to.deep.equal([['cosmetic', 0, marks.length]])
    })
  })

  it('has in each child of a dynamic namespace the class that it has there', async () => {
    const adapter = makePair() as unknown as Adapter
    const namespaces = new Map<RegExp, Record<string, Schema>>([
      [/^\/a/, { e: cosmetic(z.date()) }],
      [/^\/b/, { e: critical(z.date()) }],
      [/^\/c/, { e: cosmetic(z.string(), { conflateBy: (text) => text.length }) }],
    ])
    const fixture = await startServer({ namespaces }, { adapter })
    open.push(fixture)
    const parent = fixture.io.of(/^\/[abc]$/)
    const clients: RawClient[] = []
    for (const namespace of ['/a', '/b', '/c']) clients.push(await fixture.raw({ namespace }))
    parent.emit('e', at)
    for (const client of clients) await client.until(() => client.events.includes('e'))
    const classes = [...fixture.spillway!.readings.rules()]
      .filter(({ event }) => event === 'e')
      .map(({ namespace, class: of, tally }) => [namespace, of, tally.sent, tally.invalid])
    expect(classes.filter(([, , sent]) => sent !== 0)).to.deep.equal([
      ['/^\\/a/', 'cosmetic', 1, 0],
      ['/^\\/b/', 'critical', 1, 0],
      ['/^\\/c/', 'critical', 1, 1],
    ])
  })

  describe('through Redis', () => {
    let redis: Redis
    before(async () => {
      redis = await Redis.start()
    })
    after(() => redis.close())

    const connected = () => {
      const client = createClient({ url: redis.url })
      client.on('error', () => {})
      open.unshift({ close: () => client.close() })
      return client.connect()
    }
    const ADAPTERS: Readonly<Record<string, () => Promise<Adapter>>> = {
      'pub/sub': async () => createAdapter(await connected(), await connected()) as never,
      'sharded pub/sub': async () =>
        createShardedAdapter(await connected(), await connected()) as never,
      streams: async () => createStreamsAdapter(await connected(), { blockTimeInMs: 200 }) as never,
    }
    for (const [name, make] of Object.entries(ADAPTERS)) {
      it(`by ${name}: has the same class and rank, and is validated once`, async () => {
        const made = [await make(), await make()]
        await holds(() => made.pop()!)
      })
      it(`by ${name}: is conflated by the same keys`, async () => {
        const made = [await make(), await make()]
        await conflates(() => made.pop()!)
      })
    }

    it('is not sent again when a client comes back, if it is cosmetic', async () => {
      const made = [await ADAPTERS.streams!(), await ADAPTERS.streams!()]
      const { here, there } = await nodes(() => made.pop()!, { connectionStateRecovery: {} })
      const client = await there.client({ reconnection: true, reconnectionDelay: 200 })
      const got: string[] = []
      client.onAny((event: string) => got.push(event))
      here.io.emit('a mark')
      await eventually(() => got.length === 1)
      const left = new Promise((resolve) =>
        there.io.sockets.sockets.get(client.id!)!.once('disconnect', resolve),
      )
      client.io.engine.close()
      await left
      const missed = Object.keys(KINDS).filter((name) => name !== 'a getter of a class')
      for (const name of missed) here.io.emit(name, ...KINDS[name]![1])
      here.io.emit('missed')
      await new Promise<void>((resolve) => client.once('connect', resolve))
      expect(client.recovered).to.equal(true)
      here.io.emit('the end')
      await eventually(() => got.includes('the end'))
      expect(got).to.deep.equal(['a mark', 'missed', 'the end'])
      for (const name of missed) expect(invalidOf(there, name), name).to.equal(0)
    })
  })
})
