import { expect } from 'chai'
import { Server } from 'socket.io'
import type { Socket as ClientSocket } from 'socket.io-client'
import { z } from 'zod'
import { attach } from '../../lib/attach.ts'
import type { InvalidPayload } from '../../lib/telemetry/reporter.ts'
import type { ServerOf, SocketOf } from '../../lib/typed-server.ts'
import type { EventsOf } from '../../schemas/events.ts'
import { cosmetic, critical, priorities } from '../../schemas/priority.ts'
import { expectRefusal, refusalOf } from '../support/refusals.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

const answer = z.string()
const messages = {
  won: critical(z.strictObject({ n: z.number() }), { ack: answer }),
  frame: cosmetic(z.strictObject({ n: z.number() }), { conflateBy: 'n', ack: z.string() }),
  moved: cosmetic(z.tuple([z.string(), z.number()]), { ack: z.tuple([z.string(), z.number()]) }),
  ended: critical(z.undefined(), { ack: z.undefined() }),
  begun: critical(z.void(), { ack: z.string() }),
  table: z.discriminatedUnion('kind', [
    critical(z.strictObject({ kind: z.literal('seat') }), { ack: z.string() }),
    cosmetic(z.strictObject({ kind: z.literal('talk') }), { ack: z.string() }),
  ]),
  // without an annotated answer
  paused: cosmetic(z.strictObject({ n: z.number() })),
}
type Events = EventsOf<typeof messages>

/** A client that answers everything. */
function answers(client: ClientSocket, name: string): void {
  const socket = client as unknown as ClientSocket<Events>
  socket.on('won', ({ n }, ack) => ack?.(`${name} ${n}`))
  socket.on('frame', ({ n }, ack) => ack?.(`${name} ${n}`))
  socket.on('moved', (piece, to, ack) => ack?.(`${name} ${piece}`, to))
  socket.on('ended', (ack) => ack?.())
  client.on('begun', (...args: unknown[]) => {
    const ack = args.at(-1)
    if (typeof ack === 'function') ack(`${name} begun ${args.length}`)
  })
  socket.on('table', ({ kind }, ack) => ack?.(`${name} ${kind}`))
  client.on('paused', ({ n }: { n: number }, ack?: (answer: number) => void) => ack?.(n))
}

type Io = ServerOf<typeof messages>
type One = SocketOf<typeof messages>
type Told = (...told: unknown[]) => void

/** Every way to ask for an answer, as it is told. */
const WAYS: Record<string, (socket: One, io: Io, told: Told) => unknown> = {
  'socket.emit': (socket, _io, told) => socket.emit('won', { n: 1 }, told),
  'socket.emit of what is cosmetic': (socket, _io, told) => socket.emit('frame', { n: 1 }, told),
  'socket.emit of a tuple': (socket, _io, told) => socket.emit('moved', 'knight', 3, told),
  'socket.emit without a payload': (socket, _io, told) => socket.emit('ended', told),
  'socket.emit of what is void': (socket, _io, told) => socket.emit('begun', told),
  'socket.emit of undefined': (socket, _io, told) => socket.emit('begun', undefined, told),
  'socket.timeout().emit of undefined': (socket, _io, told) =>
    socket.timeout(5000).emit('begun', undefined, told),
  'socket.emitWithAck of undefined': async (socket, _io, told) =>
    told(await socket.emitWithAck('begun', undefined)),
  'io.timeout().emit of undefined': (_socket, io, told) =>
    io.timeout(5000).emit('begun', undefined, told),
  'io.timeout().emitWithAck of what is void': async (_socket, io, told) =>
    told(await io.timeout(5000).emitWithAck('begun')),
  'socket.emit of a branch': (socket, _io, told) => socket.emit('table', { kind: 'talk' }, told),
  'socket.emit of an answer that nobody annotated': (socket, _io, told) =>
    socket.emit('paused', { n: 1 }, told),
  'socket.emitWithAck': async (socket, _io, told) =>
    told(await socket.emitWithAck('moved', 'knight', 3)),
  'socket.timeout().emit': (socket, _io, told) => socket.timeout(5000).emit('won', { n: 1 }, told),
  'socket.timeout().emitWithAck': async (socket, _io, told) =>
    told(await socket.timeout(5000).emitWithAck('frame', { n: 1 })),
  'io.timeout().emit': (_socket, io, told) => io.timeout(5000).emit('frame', { n: 1 }, told),
  'io.timeout().emit of a tuple': (_socket, io, told) =>
    io.timeout(5000).emit('moved', 'knight', 3, told),
  'io.timeout().emitWithAck': async (_socket, io, told) =>
    told(await io.timeout(5000).emitWithAck('table', { kind: 'seat' })),
  'io.to().timeout().emit': (socket, io, told) =>
    io.to(socket.id).timeout(5000).emit('won', { n: 1 }, told),
  'io.timeout().to().emitWithAck': async (socket, io, told) =>
    told(await io.timeout(5000).to(socket.id).emitWithAck('moved', 'knight', 3)),
  'io.of().timeout().emitWithAck': async (_socket, io, told) =>
    told(await io.of('/').timeout(5000).emitWithAck('won', { n: 1 })),
  'socket.broadcast.timeout().emit': (socket, _io, told) =>
    socket.broadcast.timeout(5000).emit('won', { n: 1 }, told),
  'remote.timeout().emitWithAck': async (socket, io, told) => {
    const [remote] = await io.in(socket.id).fetchSockets()
    told(await remote!.timeout(5000).emitWithAck('won', { n: 1 }))
  },
}

describe('Acknowledgements', () => {
  let fixture: Fixture
  const invalid: InvalidPayload[] = []
  const start = async (options: 'plain' | object) => {
    fixture = await startServer(options === 'plain' ? 'plain' : { messages, ...options })
    fixture.spillway?.events.on('invalid', (report) => invalid.push(report))
    const first = await fixture.client()
    const second = await fixture.client()
    answers(first, 'first')
    answers(second, 'second')
    const io = fixture.io as unknown as Io
    const socket = io.sockets.sockets.get(first.id!) as unknown as One
    return { io, socket }
  }
  afterEach(async () => {
    invalid.length = 0
    await fixture.close()
  })

  /** Class and event of what was sent, but for Socket.IO's own packets. */
  const sentAs = () =>
    fixture
      .spillway!.stats()
      .events.filter(({ event, sent }) => event !== 'other' && sent.messages > 0)
      .map(({ class: class_, event }) => `${class_} ${event}`)

  const toldBy = async (way: (typeof WAYS)[string], options: 'plain' | object) => {
    const { io, socket } = await start(options)
    const told = await new Promise((resolve, reject) => {
      const outcome = way(socket, io, (...args) => resolve(args.map(sorted)))
      if (outcome instanceof Promise) outcome.catch(reject)
    })
    return told
  }

  for (const [name, way] of Object.entries(WAYS)) {
    for (const options of [{ validate: 'throw' }, { mode: 'observe' }]) {
      it(`of ${name} are those of plain Socket.IO, with ${JSON.stringify(options)}`, async () => {
        const plain = await toldBy(way, 'plain')
        await fixture.close()
        expect(await toldBy(way, options)).to.deep.equal(plain)
        expect(sentAs().map((each) => each.split(' ')[0])).to.deep.equal(['critical'])
        expect(fixture.spillway!.stats().events.some((each) => each.invalid > 0)).to.equal(false)
      })
    }
  }

  it('are none of what is emitted without a callback, which keeps its class', async () => {
    const { io, socket } = await start({})
    io.emit('frame', { n: 1 })
    socket.emit('moved', 'knight', 3)
    io.to(socket.id).emit('table', { kind: 'talk' })
    expect(sentAs()).to.deep.equal(['cosmetic frame', 'cosmetic moved', 'cosmetic table'])
  })

  it('time out as they do in plain Socket.IO, with what the others answered', async () => {
    const outcomes: unknown[] = []
    for (const options of ['plain', {}] as const) {
      const { io } = await start(options)
      const silent = await fixture.client()
      const socket = io.sockets.sockets.get(silent.id!) as unknown as One
      const told = (error: unknown) => String(error)
      const answered = new Promise((resolve) => {
        io.timeout(50).emit('frame', { n: 1 }, (error, answers) => {
          resolve([String(error), sorted(answers)])
        })
      })
      outcomes.push([
        await socket.timeout(20).emitWithAck('won', { n: 1 }).catch(told),
        await io.to(socket.id).timeout(20).emitWithAck('moved', 'knight', 3).catch(told),
        await answered,
      ])
      if (options === 'plain') await fixture.close()
    }
    expect(outcomes[1]).to.deep.equal(outcomes[0])
    expect(outcomes[0]).to.deep.include(['Error: operation has timed out', ['first 1', 'second 1']])
  })

  it('are not validated: an answer comes as the client gave it', async () => {
    const { socket } = await start({ validate: 'throw' })
    const client = await fixture.client()
    client.on('won', (_payload, ack) => ack({ not: 'a string' }))
    const other = fixture.io.of('/').sockets.get(client.id!) as unknown as One
    expect(await other.emitWithAck('won', { n: 1 })).to.deep.equal({ not: 'a string' })
    expect(socket.connected).to.equal(true)
  })

  it('leave an invalid payload invalid, with a callback or without', async () => {
    const { socket } = await start({})
    expect(await socket.emitWithAck('won', { n: '1' } as never)).to.equal('first 1')
    socket.emit('won', { n: '1' } as never)
    const report = { namespace: '/', event: 'won', issues: ['n: invalid_type'] }
    await eventually(() => invalid.length === 2)
    expect(invalid).to.deep.equal([report, report])
  })

  it('are told of where a tuple may have been meant to have the callback', async () => {
    fixture = await startServer({
      messages: { asked: critical(z.tuple([z.string(), z.custom<() => void>()])) },
    })
    fixture.spillway!.events.on('invalid', (report) => invalid.push(report))
    await fixture.client()
    const [socket] = fixture.io.of('/').sockets.values()
    socket!.emit('asked', 'why?', () => {})
    await eventually(() => invalid.length > 0)
    expect(invalid[0]?.issues.at(-1)).to.equal(
      '(callback): is no argument; { ack } annotates what it is answered',
    )
  })
})

describe('The annotation of an answer', () => {
  const boot = (schema: z.ZodType) => attach(new Server(), { messages: { asked: schema } }).close()
  const allowed = /^the arguments without the callback of an emit; critical\(schema, \{ ack \}\)/
  const isFunction = (value: unknown) => typeof value === 'function'

  it('lies in the registry', () => {
    expect(priorities.get(messages.won)).to.deep.equal({ class: 'critical', ack: answer })
    expect(priorities.get(messages.frame)).to.have.property('ack')
    expect(priorities.get(messages.paused)).to.not.have.property('ack')
  })

  const CALLBACKS: Record<string, [at: string, schema: () => z.ZodType]> = {
    'z.function() in a tuple': ['[1]', () => z.tuple([z.string(), z.function()])],
    'z.custom() of a function': ['[1]', () => z.tuple([z.string(), z.custom(isFunction)])],
    'z.instanceof(Function)': ['[0]', () => z.tuple([z.instanceof(Function)])],
    'an optional one': ['[1]', () => z.tuple([z.string(), z.function().optional()])],
    'the rest of a tuple': ['[…]', () => z.tuple([z.string()], z.custom(isFunction))],
    'nothing else': ['', () => z.function()],
  }
  for (const [name, [at, schema]] of Object.entries(CALLBACKS)) {
    it(`is no argument: ${name} is refused`, () => {
      for (const annotated of [critical(schema()), cosmetic(schema())]) {
        expectRefusal(
          refusalOf(() => boot(annotated)),
          'SPILLWAY_INVALID_ANNOTATION',
          `messages["asked"]${at}`,
          'a schema of a function, which is never sent',
          allowed,
        )
      }
    })
  }

  const ARGUMENTS: Record<string, () => z.ZodType> = {
    'z.any()': () => z.tuple([z.string(), z.any()]),
    'z.custom() of anything': () => z.tuple([z.string(), z.custom<string>()]),
    'z.custom() of a string': () => z.tuple([z.custom<string>((value) => value === 'x')]),
    'z.instanceof(Uint8Array)': () => z.tuple([z.instanceof(Uint8Array)]),
    'z.date()': () => z.tuple([z.date()]),
  }
  for (const [name, schema] of Object.entries(ARGUMENTS)) {
    it(`is not looked for in ${name}`, () => boot(critical(schema())))
  }

  it('is itself without an annotation', () => {
    const schema = critical(z.string(), { ack: cosmetic(z.string()) })
    expectRefusal(
      refusalOf(() => boot(schema)),
      'SPILLWAY_INVALID_ANNOTATION',
      'messages["asked"].ack',
      'an annotated schema',
      'a schema without an annotation: what a client answers is not classified',
    )
  })

  it('has none in its parts either, where it would classify nothing', () => {
    const schema = critical(z.string(), { ack: z.object({ a: z.array(cosmetic(z.string())) }) })
    expectRefusal(
      refusalOf(() => boot(schema)),
      'SPILLWAY_INVALID_ANNOTATION',
      'messages["asked"].ack.a.element',
      'an annotated schema',
      'a schema without an annotation: what a client answers is not classified',
    )
  })

  for (const annotate of [critical, cosmetic]) {
    for (const [ack, given] of [
      ['string', '"string"'],
      [String, 'function String'],
      [{}, 'an object'],
    ]) {
      it(`of ${annotate.name}() is no ${given}`, () => {
        expectRefusal(
          refusalOf(() => annotate(z.string(), { ack: ack as never })),
          'SPILLWAY_INVALID_ANNOTATION',
          `${annotate.name}().ack`,
          String(given),
          'a zod 4 schema',
        )
      })
    }
  }

  it('is the only option of critical()', () => {
    expectRefusal(
      refusalOf(() => critical(z.string(), { maxAge: 5 } as never)),
      'SPILLWAY_INVALID_ANNOTATION',
      'critical().maxAge',
      '5',
      'the keys ack',
    )
  })
})

/** Answers of several clients come in any order. */
function sorted(told: unknown): unknown {
  return Array.isArray(told) ? [...told].sort() : told
}
