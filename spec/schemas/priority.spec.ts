import { expect } from 'chai'
import { Server } from 'socket.io'
import { z } from 'zod'
import { attach } from '../../lib/attach.ts'
import {
  type CosmeticOptions,
  cosmetic,
  critical,
  type Priority,
  priorities,
} from '../../schemas/priority.ts'
import { expectRefusal, refusalOf } from '../support/refusals.ts'

const frame = () => z.object({ game: z.string(), n: z.number() })
const UNANNOTATED =
  'critical(schema), cosmetic(schema), or a discriminated union of such; annotate the final schema, since .optional() and the like return another one'

describe('Priority', () => {
  const open: Array<{ close(): void }> = []
  const boot = (messages: Record<string, z.ZodType>) => {
    const spillway = attach(new Server(), { messages })
    open.push(spillway)
    return spillway
  }
  afterEach(() => {
    for (const spillway of open.splice(0)) spillway.close()
  })

  describe('critical', () => {
    it('returns the same schema, registered', () => {
      const schema = frame()
      expect(critical(schema)).to.equal(schema)
      expect(priorities.get(schema)).to.deep.equal({ class: 'critical' })
    })

    for (const value of [undefined, null, 5, 'x', {}, () => {}]) {
      it(`refuses ${typeof value} ${String(value)} for a schema`, () => {
        const refusal = refusalOf(() => critical(value as never))
        expect(refusal).to.have.property('code', 'SPILLWAY_INVALID_ANNOTATION')
        expect(refusal.message).to.match(/^critical\(\): was given .+; allowed: a zod 4 schema$/)
      })
    }
  })

  describe('cosmetic', () => {
    it('returns the same schema, registered with its options', () => {
      const schema = frame()
      const options = { conflateBy: 'game', maxAge: 1, rank: -100, drop: 'newest' } as const
      expect(cosmetic(schema, options)).to.equal(schema)
      expect(priorities.get(schema)).to.deep.equal({ class: 'cosmetic', ...options })
    })

    const KEYS = 'conflateBy, maxAge, rank, drop, ack'
    const AGE = 'a number of at least 1 (milliseconds)'
    const RANK = 'an integer from -100 to 100'
    const KEY = 'a key of the payload, or a function of it'
    const WHOLE = `a plain object with any of the keys ${KEYS}`
    const REFUSED: ReadonlyArray<[options: unknown, path: string, given: string, allowed: string]> =
      [
        [{ maxAge: -1 }, '.maxAge', '-1', AGE],
        [{ maxAge: 0.5 }, '.maxAge', '0.5', AGE],
        [{ maxAge: '2s' }, '.maxAge', '"2s"', AGE],
        [{ maxAge: Number.NaN }, '.maxAge', 'NaN', AGE],
        [{ rank: 1.5 }, '.rank', '1.5', RANK],
        [{ rank: 101 }, '.rank', '101', RANK],
        [{ rank: '1' }, '.rank', '"1"', RANK],
        [{ drop: 'all' }, '.drop', '"all"', '"oldest" or "newest"'],
        [{ conflateBy: '' }, '.conflateBy', '""', KEY],
        [{ conflateBy: 5 }, '.conflateBy', '5', KEY],
        [{ conflateBy: ['game'] }, '.conflateBy', 'an array of 1', KEY],
        [{ conflate: 'game' }, '.conflate', '"game"', `the keys ${KEYS}`],
        [{ class: 'critical' }, '.class', '"critical"', `the keys ${KEYS}`],
        ['game', '', '"game"', WHOLE],
        [null, '', 'null', WHOLE],
      ]
    for (const [options, path, given, allowed] of REFUSED) {
      it(`refuses ${path.slice(1) || 'options'} that is ${given}`, () => {
        const schema = frame()
        const refusal = refusalOf(() => cosmetic(schema, options as CosmeticOptions<typeof schema>))
        expectRefusal(refusal, 'SPILLWAY_INVALID_ANNOTATION', `cosmetic()${path}`, given, allowed)
        expect(priorities.has(schema)).to.equal(false)
      })
    }
  })

  it('annotates a schema instance once', () => {
    for (const first of [critical, cosmetic]) {
      for (const second of [critical, cosmetic]) {
        const schema = first(frame())
        const refusal = refusalOf(() => second(schema))
        expectRefusal(
          refusal,
          'SPILLWAY_INVALID_ANNOTATION',
          `${second.name}()`,
          `a schema that is annotated as ${first.name} already`,
          'one annotation a schema instance; build the schema a second time for another one',
        )
        expect(priorities.get(schema)).to.deep.equal({ class: first.name })
        second(z.object(schema.shape))
      }
    }
  })

  describe('at boot', () => {
    /** Of an annotated schema. zod inherits metadata where it calls the result the same schema. */
    const KEPT: Record<string, (schema: ReturnType<typeof frame>) => z.ZodType> = {
      describe: (schema) => schema.describe('one frame'),
      meta: (schema) => schema.meta({ title: 'Frame' }),
      refine: (schema) => schema.refine(({ n }) => n > 0),
      brand: (schema) => schema.brand('frame'),
      clone: (schema) => schema.clone(),
    }
    for (const [name, derive] of Object.entries(KEPT)) {
      it(`knows the annotation after .${name}()`, () => {
        const [, event] = boot({ frame: derive(critical(frame())) }).stats().events
        expect(event).to.include({ event: 'frame', class: 'critical' })
      })
    }

    const AROUND: Record<string, (schema: ReturnType<typeof frame>) => z.ZodType> = {
      optional: (schema) => schema.optional(),
      nullable: (schema) => schema.nullable(),
      default: (schema) => schema.default({ game: '', n: 0 }),
      readonly: (schema) => schema.readonly(),
      pipe: (schema) => schema.transform(({ n }) => n),
    }
    for (const [type, derive] of Object.entries(AROUND)) {
      it(`refuses an annotation lost by a schema of type ${type} around it`, () => {
        expectRefusal(
          refusalOf(() => boot({ frame: derive(cosmetic(frame())) })),
          'SPILLWAY_UNANNOTATED_SCHEMA',
          'messages["frame"]',
          `a schema of type ${type} without an annotation around one that is annotated`,
          UNANNOTATED,
        )
      })
    }

    const OTHER: Record<string, [type: string, (s: ReturnType<typeof frame>) => z.ZodType]> = {
      extend: ['object', (schema) => schema.extend({ more: z.string() })],
      partial: ['object', (schema) => schema.partial()],
      pick: ['object', (schema) => schema.pick({ n: true })],
      array: ['array', (schema) => schema.array()],
      or: ['union', (schema) => schema.or(z.string())],
    }
    for (const [name, [type, derive]] of Object.entries(OTHER)) {
      it(`refuses an annotation lost by .${name}()`, () => {
        expectRefusal(
          refusalOf(() => boot({ frame: derive(critical(frame())) })),
          'SPILLWAY_UNANNOTATED_SCHEMA',
          'messages["frame"]',
          `a schema of type ${type} without an annotation`,
          UNANNOTATED,
        )
      })
    }

    it('refuses a branch without an annotation, by its discriminator', () => {
      const seat = critical(z.object({ kind: z.literal('seat') }))
      const talk = z.object({ kind: z.enum(['chatter', 'emote']) })
      expectRefusal(
        refusalOf(() => boot({ table: z.discriminatedUnion('kind', [seat, talk]) })),
        'SPILLWAY_UNANNOTATED_SCHEMA',
        'messages["table"].kind=chatter|emote',
        'a schema of type object without an annotation',
        UNANNOTATED,
      )
    })

    it('takes what .register() did by hand', () => {
      const schema = frame().register(priorities, { class: 'cosmetic', rank: 3 })
      const { events } = boot({ frame: schema }).stats()
      expect(events.map((each) => each.class)).to.include('cosmetic')
    })

    const BY_HAND: ReadonlyArray<
      [priority: unknown, path: string, given: string, allowed: string | RegExp]
    > = [
      [{ class: 'urgent' }, '.class', '"urgent"', '"critical" or "cosmetic"'],
      [{}, '.class', 'undefined', '"critical" or "cosmetic"'],
      [{ class: 'critical', maxAge: 5 }, '.maxAge', '5', 'the keys class, ack'],
      [{ class: 'cosmetic', maxAge: -5 }, '.maxAge', '-5', /^a number of at least 1/],
      [{ class: 'cosmetic', rank: 1e9 }, '.rank', '1000000000', /^an integer from -100 to 100/],
      [{ class: 'cosmetic', rnak: 1 }, '.rnak', '1', /^the keys class, conflateBy, maxAge/],
      [{ class: 'cosmetic', conflateBy: 'nope' }, '.conflateBy', '"nope"', /: game, n$/],
      [5, '', '5', 'what critical() or cosmetic() would have registered'],
      [null, '', 'null', 'what critical() or cosmetic() would have registered'],
    ]
    for (const [priority, path, given, allowed] of BY_HAND) {
      it(`refuses ${JSON.stringify(priority)}, registered by hand`, () => {
        const schema = frame().register(priorities, priority as Priority)
        const refusal = refusalOf(() => boot({ frame: schema }))
        const at = `messages["frame"]${path}`
        expectRefusal(refusal, 'SPILLWAY_INVALID_ANNOTATION', at, given, allowed)
      })
    }
  })

  describe('conflateBy', () => {
    const wrong = { conflateBy: 'nope' } as never
    const KNOWN: Record<string, () => z.ZodType> = {
      'an object': () => cosmetic(frame(), wrong),
      'a strict object': () => cosmetic(z.strictObject({ game: z.string(), n: z.int() }), wrong),
      'a refined object': () => cosmetic(frame(), wrong).refine(() => true),
    }
    for (const [name, schema] of Object.entries(KNOWN)) {
      it(`refuses a key that ${name} does not have`, () => {
        expectRefusal(
          refusalOf(() => boot({ frame: schema() })),
          'SPILLWAY_INVALID_ANNOTATION',
          'messages["frame"].conflateBy',
          '"nope"',
          'a key of the schema: game, n',
        )
      })
    }

    const OPEN: Record<string, () => z.ZodType> = {
      'a loose object': () => cosmetic(z.looseObject({ game: z.string() }), { conflateBy: 'id' }),
      'an object with a catchall': () =>
        cosmetic(z.object({}).catchall(z.string()), { conflateBy: 'id' }),
      'a record': () => cosmetic(z.record(z.string(), z.number()), { conflateBy: 'id' }),
      'a tuple': () => cosmetic(z.tuple([z.string(), z.number()]), { conflateBy: '0' }),
    }
    for (const [name, schema] of Object.entries(OPEN)) {
      it(`takes a key that ${name} may have`, () => {
        boot({ frame: schema() })
      })
    }
  })
})
