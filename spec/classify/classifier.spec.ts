import { expect } from 'chai'
import { z } from 'zod'
import { schemaKeys } from '../../lib/classify/schema-keys.ts'
import { eventOf, type Packet } from '../../lib/socketio/packet.ts'
import { cosmetic, critical } from '../../schemas/priority.ts'
import { classesOf, makeClassifier } from '../support/classes.ts'
import { BOUNDLESS, choke } from '../support/clients/flood.ts'
import { fakeClock } from '../support/fakes/fake-clock.ts'
import '../support/rejections.ts'
import { refusalOf } from '../support/refusals.ts'
import { eventually, type Fixture, type RawClient, startServer } from '../support/servers/server.ts'

const MARKER = 'xyzzy-4711'
const of = <K extends string>(kind: K) => z.object({ kind: z.literal(kind), n: z.number() })

/** Branches with their own class, over two discriminators, one of them an enum. */
const table = () =>
  z.discriminatedUnion('kind', [
    critical(of('seat')),
    cosmetic(z.object({ kind: z.enum(['chatter', 'emote']), n: z.number() }), { rank: -1 }),
    z.discriminatedUnion('side', [
      critical(z.object({ kind: z.literal('bet'), side: z.literal(1) })),
      cosmetic(z.object({ kind: z.literal('bet'), side: z.literal(2) }), { rank: 5 }),
      cosmetic(z.object({ kind: z.literal('bet'), side: z.literal(null) }), { drop: 'newest' }),
    ]),
  ])

describe('Classifier', () => {
  describe('a discriminated union', () => {
    const { event, invalid } = makeClassifier({ table: table() })
    const CASES: ReadonlyArray<[payload: object, expected: Record<string, unknown>]> = [
      [{ kind: 'seat', n: 1 }, { class: 'critical' }],
      [
        { kind: 'chatter', n: 1 },
        { class: 'cosmetic', rank: -1 },
      ],
      [
        { kind: 'emote', n: 1 },
        { class: 'cosmetic', rank: -1 },
      ],
      [{ kind: 'bet', side: 1 }, { class: 'critical' }],
      [
        { kind: 'bet', side: 2 },
        { class: 'cosmetic', rank: 5, drop: 'oldest' },
      ],
      [
        { kind: 'bet', side: null },
        { class: 'cosmetic', rank: 0, drop: 'newest' },
      ],
    ]
    for (const [payload, expected] of CASES) {
      it(`gives ${JSON.stringify(payload)} the class of its branch`, () => {
        expect(event('table', [payload]).rule).to.deep.include(expected)
        expect(invalid).to.deep.equal([])
      })
    }

    it('may have its own annotation in place of those of its branches', () => {
      const { event } = makeClassifier({
        whole: critical(z.discriminatedUnion('kind', [of('seat'), of('chatter')])),
      })
      expect(event('whole', [{ kind: 'chatter', n: 1 }]).rule.class).to.equal('critical')
    })

    it('conflates branches apart', () => {
      const { event } = makeClassifier({
        odds: z.discriminatedUnion('kind', [
          cosmetic(of('win'), { conflateBy: 'n' }),
          cosmetic(of('place'), { conflateBy: 'n' }),
        ]),
      })
      const keys = ['win', 'place'].map((kind) => event('odds', [{ kind, n: 1 }]).key)
      expect(keys[0]).to.be.a('string')
      expect(keys[0]).to.not.equal(keys[1])
    })
  })

  describe('a conflation key', () => {
    const keyed = (conflateBy: string | ((payload: never) => unknown)) =>
      makeClassifier({
        odds: cosmetic(z.any(), { conflateBy } as never),
        more: cosmetic(z.any(), { conflateBy } as never),
      })

    it('is the value of a key or of a function', () => {
      const byKey = keyed('id')
      const byFunction = keyed(({ id }: { id: unknown }) => id)
      for (const { event } of [byKey, byFunction]) {
        const [a, again, b] = ['a', 'a', 'b'].map((id) => event('odds', [{ id, n: 1 }]).key)
        expect(a).to.be.a('string').and.to.equal(again)
        expect(a).to.not.equal(b)
      }
    })

    it('tells types, events and namespaces apart', () => {
      const { classifier, event } = makeClassifier(
        { odds: cosmetic(z.any(), { conflateBy: 'id' } as never) },
        {},
        new Map([[/^\/t/, { odds: cosmetic(z.any(), { conflateBy: 'id' } as never) }]]),
      )
      const ids = [1, '1', true, 'true', 1n, 0, -1, '', ' ', 'NaN', 'null', 'undefined']
      const keys = ids.map((id) => event('odds', [{ id }]).key)
      keys.push(event('odds', [{ id: 1 }], '/t1').key, event('odds', [{ id: 1 }], '/t2').key)
      expect(keys.every((key) => key !== undefined)).to.equal(true)
      expect(new Set(keys).size).to.equal(keys.length)
      expect([...classifier.rules()].length).to.be.greaterThan(3)
    })

    it('is what JSON makes of the value, so that it is the same on every node', () => {
      const { event, faults } = keyed('id')
      const at = new Date(0)
      const id = { toJSON: () => 'a' }
      const pairs: Array<[here: unknown, there: unknown]> = [
        [at, at.toJSON()],
        [id, 'a'],
        [-0, 0],
        [1e21, 1e21],
        [new Date(Number.NaN), null],
        [Number.NaN, null],
        [Number.POSITIVE_INFINITY, null],
      ]
      for (const [here, there] of pairs) {
        const [key, other] = [here, there].map((value) => event('odds', [{ id: value }]).key)
        expect(key, String(here)).to.equal(other)
      }
      expect(faults).to.deep.equal([])
    })

    it('is missing where the value is', () => {
      const { event, faults } = keyed('id')
      for (const args of [
        [{}],
        [{ id: undefined }],
        [{ id: null }],
        [undefined],
        [null],
        [5],
        [],
      ]) {
        expect(event('odds', args).key, JSON.stringify(args)).to.equal(undefined)
      }
      expect(faults).to.deep.equal([])
    })

    const FAULTS: Record<string, [conflateBy: (payload: never) => unknown, message: RegExp]> = {
      'throws an error': [() => JSON.parse('{'), /JSON/],
      'throws something else': [
        () => {
          throw MARKER
        },
        /./,
      ],
      'returns an object': [() => ({}), /^a conflation key must be a scalar.* type object$/],
      'returns a function': [() => () => {}, /must be a scalar.* type function$/],
      'returns a symbol': [() => Symbol('x'), /must be a scalar.* type symbol$/],
      'is asynchronous': [async () => 'x', /must be a scalar.* type object$/],
      'is asynchronous and rejects': [() => Promise.reject(new Error('late')), /must be a scalar/],
    }
    for (const [name, [conflateBy, message]] of Object.entries(FAULTS)) {
      it(`is missing, and reported, if the function ${name}`, async () => {
        const { event, faults } = keyed(conflateBy)
        const fields = event('odds', [{ id: 1 }])
        expect(fields.key).to.equal(undefined)
        expect(fields.rule.class).to.equal('cosmetic')
        expect(faults).to.have.length(1)
        expect(faults[0]!.where).to.equal('conflateBy of odds')
        expect(faults[0]!.error.message).to.match(message)
        await new Promise((resolve) => setImmediate(resolve)) // a rejection would end the process
      })
    }
  })

  describe('arguments', () => {
    const { event, invalid } = makeClassifier({
      one: cosmetic(z.number()),
      two: cosmetic(z.tuple([z.string(), z.number()])),
      maybe: cosmetic(z.tuple([z.string(), z.number().optional()])),
      many: cosmetic(z.tuple([z.string()], z.number())),
      none: cosmetic(z.undefined()),
      empty: cosmetic(z.tuple([])),
      optional: cosmetic(z.number().optional()),
    })
    const VALID: ReadonlyArray<[event: string, args: unknown[]]> = [
      ['one', [1]],
      ['two', ['a', 1]],
      ['maybe', ['a']],
      ['maybe', ['a', 1]],
      ['many', ['a']],
      ['many', ['a', 1, 2, 3]],
      ['none', []],
      ['empty', []],
      ['optional', []],
      ['optional', [1]],
    ]
    for (const [name, args] of VALID) {
      it(`of ${name} may be ${JSON.stringify(args)}`, () => {
        expect(event(name, args).rule.class).to.equal('cosmetic')
        expect(invalid).to.deep.equal([])
      })
    }

    const INVALID: ReadonlyArray<[event: string, args: unknown[], issue: string]> = [
      ['one', [], '(payload): invalid_type'],
      ['one', ['a'], '(payload): invalid_type'],
      ['two', ['a'], '(payload): too_small'],
      ['two', [1, 'a'], '0: invalid_type'],
      ['maybe', ['a', 'b'], '1: invalid_type'],
      ['many', ['a', 1, 'b'], '2: invalid_type'],
      ['none', [1], '(payload): invalid_type'],
      ['optional', ['a'], '(payload): invalid_type'],
    ]
    for (const [name, args, issue] of INVALID) {
      it(`of ${name} may not be ${JSON.stringify(args)}`, () => {
        expect(event(name, args).rule.class).to.equal('critical')
        const report = invalid.splice(0)
        expect(report.map((each) => each.event)).to.deep.equal([name])
        expect(report[0]!.issues).to.include(issue)
      })
    }
  })

  describe('what another node has emitted, or a store has kept', () => {
    const { classifier, invalid, faults } = makeClassifier({
      won: critical(z.object({ n: z.number() })),
      one: cosmetic(z.object({ n: z.date() }), { rank: 3 }),
      many: cosmetic(z.tuple([z.string()], z.number())),
      keyed: cosmetic(z.object({ at: z.date(), n: z.number() }), { conflateBy: 'n' }),
      computed: cosmetic(z.object({ at: z.date() }), { conflateBy: ({ at }) => at.getTime() }),
      union: table(),
    })
    const resolve = (event: string, args: unknown[], remark = {}) =>
      classifier.resolve('/', [event, ...args], remark)

    it('has the class of its event, or of its branch, whatever became of the payload', () => {
      for (const payload of [{ n: '2026-01-01T00:00:00.000Z' }, { n: null }, {}, null, 'x']) {
        expect(resolve('one', [payload, 'o1'])?.rule).to.include({ class: 'cosmetic', rank: 3 })
        expect(resolve('won', [payload, 'o1'])?.rule.class).to.equal('critical')
      }
      expect(resolve('one', [])?.rule.class).to.equal('cosmetic')
      expect(resolve('many', ['a', 'b', 'o1'])?.rule.class).to.equal('cosmetic')
      expect(resolve('union', [{ kind: 'chatter', n: 'x' }])?.rule.rank).to.equal(-1)
      expect(resolve('nope', [1])).to.equal(undefined)
      expect(invalid).to.deep.equal([])
    })

    it('is critical if its branch is not known', () => {
      for (const payload of [{ kind: 'nope' }, {}, null, undefined, 5]) {
        expect(resolve('union', [payload])?.rule.class).to.equal('critical')
      }
    })

    it('is critical, and not reported again, if it was invalid where it was emitted', () => {
      const verdict = resolve('one', [{ n: 'x' }], { invalid: true })
      expect(verdict).to.include({ isInvalid: true, key: undefined })
      expect(verdict?.rule).to.equal(verdict?.critical)
      expect(invalid).to.deep.equal([])
    })

    it('is conflated by the key that was computed where it was emitted', () => {
      expect(resolve('keyed', [{ at: 'x', n: 5 }])?.key).to.equal('number 5')
      expect(resolve('keyed', [{ at: 'x', n: 5 }], { key: 'number 6' })?.key).to.equal('number 5')
      const payload = { at: '2026-01-01T00:00:00.000Z' }
      expect(resolve('computed', [payload], { key: 'number 7' })?.key).to.equal('number 7')
      expect(resolve('computed', [payload], { key: null })?.key).to.equal(undefined)
      expect(faults).to.deep.equal([])
      // without it, for instance from an emitter
      expect(resolve('computed', [payload])?.key).to.equal(undefined)
      expect(faults.splice(0).map(({ where }) => where)).to.deep.equal(['conflateBy of computed'])
    })
  })

  describe('a packet', () => {
    const { classifier, event } = makeClassifier({ frame: cosmetic(z.any()) })
    const data = ['frame', { n: 1 }]
    const verdictOf = (packet: Packet) => classifier.judge(packet.nsp, eventOf(packet) ?? [])
    const PACKETS: Record<string, [packet: Packet, kind: string, rule: string]> = {
      EVENT: [{ type: 2, nsp: '/', data }, 'event', 'cosmetic'],
      BINARY_EVENT: [{ type: 5, nsp: '/', data }, 'event', 'cosmetic'],
      'EVENT with an ack id': [{ type: 2, nsp: '/', data, id: 0 }, 'event', 'critical'],
      'BINARY_EVENT with an ack id': [{ type: 5, nsp: '/', data, id: 7 }, 'event', 'critical'],
      CONNECT: [{ type: 0, nsp: '/', data: { sid: 's' } }, 'connect', 'critical'],
      'CONNECT with an array': [{ type: 0, nsp: '/', data }, 'connect', 'critical'],
      DISCONNECT: [{ type: 1, nsp: '/' }, 'disconnect', 'critical'],
      ACK: [{ type: 3, nsp: '/', data, id: 1 }, 'other', 'critical'],
      BINARY_ACK: [{ type: 6, nsp: '/', data, id: 1 }, 'other', 'critical'],
      CONNECT_ERROR: [{ type: 4, nsp: '/', data: { message: 'no' } }, 'other', 'critical'],
      'EVENT without an array': [{ type: 2, nsp: '/', data: {} }, 'other', 'critical'],
      'EVENT of another namespace': [{ type: 2, nsp: '/lobby', data }, 'event', 'critical'],
    }
    for (const [name, [packet, kind, rule]] of Object.entries(PACKETS)) {
      it(`that is ${name} is ${rule}`, () => {
        const fields = classifier.classify(packet, ['x'], 7, verdictOf(packet))
        expect(fields.kind).to.equal(kind)
        expect(fields.rule.class).to.equal(rule)
        expect(fields.emittedAt).to.equal(7)
        expect(fields.sid).to.equal(name === 'CONNECT' ? 's' : undefined)
      })
    }

    it('with an event name that is no text, or none, is critical', () => {
      for (const name of [1, null, undefined, ['frame']]) {
        expect(event(name, [{}]).rule).to.equal(classifier.unannotated)
      }
      const none = classifier.classify({ type: 2, nsp: '/', data: [] }, ['2[]'], 0, undefined)
      expect(none.rule).to.equal(classifier.unannotated)
    })
  })

  describe('a payload that fails its schema', () => {
    it('is critical, counted and reported by path and code, never by value', () => {
      const { event, invalid } = makeClassifier({
        frame: cosmetic(
          z.strictObject({
            user: z.object({ name: z.string().max(3) }),
            scores: z.record(z.string(), z.number()).optional(),
            seats: z.array(z.object({ id: z.int() })).optional(),
            get next() {
              return z.object({ user: z.number() }).optional()
            },
            tree: z.lazy(() => z.object({ leaf: z.number() })).optional(),
          }),
        ),
      })
      const payload = {
        user: { name: MARKER },
        scores: { [MARKER]: MARKER },
        seats: [{ id: 1 }, { id: MARKER }],
        tree: { leaf: MARKER },
        next: { user: MARKER },
        [MARKER]: 1,
      }
      const { rule } = event('frame', [payload])
      expect(rule).to.include({ class: 'critical', event: 'frame' })
      expect(rule.tally.invalid).to.equal(1)
      expect(invalid).to.have.length(1)
      expect(invalid[0]).to.include({ namespace: '/', event: 'frame' })
      expect(invalid[0]!.issues).to.have.members([
        'user.name: too_big',
        'scores.*: invalid_type',
        'seats.1.id: invalid_type',
        'tree.leaf: invalid_type',
        'next.user: invalid_type',
        '(payload): unrecognized_keys',
      ])
      expect(JSON.stringify(invalid)).to.not.include(MARKER)
    })

    it('shows names that stand in the schema, at any depth', () => {
      const schema = z.object({
        list: z.array(z.object({ a: z.number() })),
        either: z.union([z.object({ b: z.number() }), z.tuple([z.object({ c: z.number() })])]),
        piped: z
          .object({ d: z.number() })
          .transform(() => 1)
          .optional(),
        get self() {
          return schema.optional()
        },
        lazy: z.lazy(() => z.object({ e: z.number() })),
        record: z.record(z.string(), z.object({ f: z.number() })),
      })
      const names = ['list', 'either', 'piped', 'self', 'lazy', 'record', ...'abcdef']
      expect([...schemaKeys(schema)]).to.have.members(names)
      expect([...schemaKeys(z.string())]).to.deep.equal([])
    })

    it('is timed, also where its schema throws; not where it is not looked at', () => {
      for (const validate of ['report', 'off'] as const) {
        const clock = fakeClock()
        const takes = (time: number) => (value: unknown) => {
          clock.advance(time)
          if (value === MARKER) throw new RangeError()
          return true
        }
        const slow = cosmetic(z.string().refine(takes(2000)))
        const { event, classifier } = makeClassifier({ slow }, { validate, clock })
        event('slow', ['x'])
        event('slow', [MARKER])
        event('other', ['x'])
        const { count, sum } = classifier.validation
        expect({ count, sum }).to.deep.equal(
          validate === 'off' ? { count: 0, sum: 0 } : { count: 2, sum: 4000 },
        )
      }
    })

    it('may fail in a schema that is asynchronous or throws', () => {
      const { event, invalid } = makeClassifier({
        later: cosmetic(z.string().refine(async () => true)),
        throws: cosmetic(
          z.string().refine((value) => {
            throw new RangeError(value)
          }),
        ),
      })
      for (const name of ['later', 'throws']) {
        expect(event(name, [MARKER]).rule.class).to.equal('critical')
      }
      expect(invalid.map(({ issues }) => issues)).to.deep.equal([
        ['(schema): is asynchronous'],
        ['(schema): threw RangeError'],
      ])
    })

    it('is not looked at with `off`, where schemas only classify', () => {
      const { event, invalid } = makeClassifier(
        { frame: cosmetic(z.object({ n: z.number() }), { conflateBy: 'n' }), table: table() },
        { validate: 'off' },
      )
      expect(event('frame', [{ n: 'a' }])).to.have.nested.property('rule.class', 'cosmetic')
      expect(event('frame', [{ n: 'a' }]).key).to.be.a('string')
      expect(event('table', [{ kind: 'chatter' }]).rule.class).to.equal('cosmetic')
      for (const payload of [{ kind: 'nope' }, {}, null, undefined, 5, 'seat', []]) {
        expect(event('table', [payload]).rule.class, JSON.stringify(payload)).to.equal('critical')
      }
      expect(invalid).to.deep.equal([])
    })
  })

  describe('over the wire', () => {
    const messages = () => ({
      'reel:frame': cosmetic(z.object({ n: z.number() }), { maxAge: 60_000 }),
      odds: cosmetic(z.object({ n: z.number() }), {
        maxAge: 60_000,
        conflateBy: ({ n }) => {
          if (n < 0) throw new RangeError(MARKER)
          return 'all'
        },
      }),
      table: table(),
    })
    let fixture: Fixture
    let client: RawClient
    const start = async (...options: Parameters<typeof startServer>) => {
      fixture = await startServer(...options)
      client = await fixture.raw()
    }
    afterEach(() => fixture.close())
    const sent = (emit: () => unknown, frames: number) =>
      classesOf(fixture, async () => {
        const due = client.frames.length + frames
        await emit()
        await client.until(() => client.frames.length === due)
      })

    it('sends an invalid payload as critical, counts and reports it', async () => {
      await start({ messages: messages() })
      const told = new Promise((resolve) => fixture.spillway!.events.once('invalid', resolve))
      const emit = () => fixture.io.emit('reel:frame', { n: MARKER })
      expect(await sent(emit, 1)).to.deep.equal(['/ reel:frame critical'])
      expect(await told).to.deep.equal({
        namespace: '/',
        event: 'reel:frame',
        issues: ['n: invalid_type'],
      })
      const counted = fixture.spillway!.stats().events.filter(({ invalid }) => invalid > 0)
      expect(counted).to.have.length(1)
      expect(counted[0]).to.deep.include({ event: 'reel:frame', class: 'critical', invalid: 1 })
    })

    it("throws it back at its emitter with validate 'throw', and sends nothing", async () => {
      await start({ messages: messages(), validate: 'throw' })
      const classes = await sent(() => {
        const refusal = refusalOf(() => fixture.io.emit('reel:frame', { n: MARKER }))
        expect(refusal).to.have.property('code', 'SPILLWAY_INVALID_PAYLOAD')
        expect(refusal.message).to.equal(
          'emit of "reel:frame" in /: the payload fails its schema at n: invalid_type',
        )
        fixture.io.emit('reel:frame', { n: 1 })
      }, 1)
      expect(classes).to.deep.equal(['/ reel:frame cosmetic'])
    })

    it('sheds neither answers nor what waits for one', async () => {
      await start({ messages: messages() })
      fixture.io.on('connection', () => {})
      const [socket] = [...fixture.io.sockets.sockets.values()]
      socket!.on('ask', (ack) => ack('reel:frame', { n: 1 }))
      const classes = await sent(() => {
        client.send('421["ask"]')
        socket!.emit('reel:frame', { n: 1 }, () => {})
        fixture.io.timeout(5000).emit('reel:frame', { n: 1 }, () => {})
        socket!.emit('reel:frame', { n: 1 })
        return eventually(() => client.frames.some((frame) => String(frame).startsWith('431[')))
      }, 4)
      expect(classes).to.have.members([
        'other other critical',
        '/ reel:frame critical',
        '/ reel:frame critical',
        '/ reel:frame cosmetic',
      ])
    })

    it('sheds no CONNECT, no refusal of one, and no DISCONNECT', async () => {
      await start({ messages: messages() })
      fixture.io.of('/lobby')
      fixture.io.of('/closed').use((_socket, next) => next(new Error('no')))
      const classes = await sent(async () => {
        await client.join('/lobby')
        client.send('40/closed,')
        await client.until(() => client.frames.some((frame) => String(frame).startsWith('44')))
        fixture.io.of('/lobby').disconnectSockets()
      }, 3)
      expect(classes).to.deep.equal(Array(3).fill('other other critical'))
    })

    it('does not take the offset of connection state recovery for a payload', async () => {
      const bare = { 'reel:stop': cosmetic(z.undefined()), pair: cosmetic(pair()) }
      await start({ messages: { ...messages(), ...bare } }, { connectionStateRecovery: {} })
      const { io } = fixture
      const classes = await sent(() => {
        io.emit('reel:stop')
        io.emit('pair', 'a')
        io.emit('reel:frame', { n: 1 })
      }, 3)
      expect(client.frames.some((frame) => /^42\["reel:stop","[\w.-]+"\]$/.test(String(frame)))).to
        .be.true
      expect(client.frames.at(-1)).to.match(/^42\["reel:frame",\{"n":1\},"[\w.-]+"\]$/)
      expect(classes).to.have.members([
        '/ reel:stop cosmetic',
        '/ pair cosmetic',
        '/ reel:frame cosmetic',
      ])
    })

    it('keeps a message whose conflateBy fails, unconflated, and tells of the fault', async () => {
      await start({ messages: messages(), watermarks: BOUNDLESS })
      const faults: Array<[string, Error]> = []
      fixture.spillway!.events.on('fault', (...fault) => faults.push(fault))
      await choke(fixture, client)
      for (const n of [1, 2, -1, -2, 3]) fixture.io.emit('odds', { n })
      await eventually(() => faults.length === 2)
      const [stats] = [...fixture.spillway!.clients()]
      expect(stats!.lanes.cosmetic.messages).to.equal(3)
      client.resume()
      await client.until(() => client.received('odds').length === 3)
      const numbers = client.received<{ n: number }>('odds').map(({ n }) => n)
      expect(numbers).to.deep.equal([3, -1, -2])
      expect(faults.map(([where]) => where)).to.deep.equal(Array(2).fill('conflateBy of odds'))
      expect(faults[0]![1]).to.be.instanceOf(RangeError)
    })
  })
})

function pair() {
  return z.tuple([z.string(), z.number().optional()])
}
