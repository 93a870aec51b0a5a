import { expect } from 'chai'
import { Server } from 'socket.io'
import { z } from 'zod'
import * as mini from 'zod/mini'
import { attach } from '../../lib/attach.ts'
import { schemaKeys } from '../../lib/classify/schema-keys.ts'
import { cosmetic, critical, type Schema } from '../../schemas/priority.ts'
import { expectRefusal, refusalOf } from '../support/refusals.ts'

const seat = () => z.object({ kind: z.literal('seat'), n: z.number() })
const chatter = () => z.object({ kind: z.literal('chatter'), text: z.string() })
const ALLOWED =
  "an annotation of an event's schema, or of each branch of a discriminated union that has none itself"

describe('Annotations inside an annotated schema', () => {
  const open: Array<{ close(): void }> = []
  const boot = (messages: Record<string, Schema>, namespaces = {}) => {
    const spillway = attach(new Server(), { messages, namespaces })
    open.push(spillway)
    return spillway
  }
  afterEach(() => {
    for (const spillway of open.splice(0)) spillway.close()
  })
  const refuses = (schema: Schema, path: string, inner = 'cosmetic', outer = 'critical') => {
    expectRefusal(
      refusalOf(() => boot({ e: schema })),
      'SPILLWAY_INVALID_ANNOTATION',
      `messages["e"]${path}`,
      `an annotation as ${inner} inside a schema that is annotated as ${outer}`,
      ALLOWED,
    )
  }

  const NESTED: Record<string, [nest: (inner: ReturnType<typeof seat>) => Schema, path: string]> = {
    'a branch of a discriminated union': [
      (s) => z.discriminatedUnion('kind', [s, chatter()]),
      '.kind=seat',
    ],
    'a branch of a discriminated union in one': [
      (s) => z.discriminatedUnion('kind', [chatter(), z.discriminatedUnion('kind', [s])]),
      '.kind=seat.kind=seat',
    ],
    'a branch of zod/mini': [
      (s) => mini.discriminatedUnion('kind', [s as never, chatter() as never]),
      '.kind=seat',
    ],
    'a branch of a union': [(s) => z.union([z.string(), s]), '.options[1]'],
    optional: [(s) => s.optional(), ''],
    nullable: [(s) => s.nullable(), ''],
    nonoptional: [(s) => z.nonoptional(s.optional()), ''],
    default: [(s) => s.default({ kind: 'seat', n: 1 }), ''],
    prefault: [(s) => s.prefault({ kind: 'seat', n: 1 }), ''],
    catch: [(s) => s.catch({ kind: 'seat', n: 1 }), ''],
    readonly: [(s) => s.readonly(), ''],
    promise: [(s) => z.promise(s), ''],
    lazy: [(s) => z.lazy(() => s), ''],
    'the input of a pipe': [(s) => s.transform(({ n }) => n), '.in'],
    'the output of a pipe': [(s) => z.preprocess((value) => value, s), '.out'],
    'a codec': [
      (s) => z.codec(z.string(), s, { decode: (text) => JSON.parse(text), encode: String }),
      '.out',
    ],
    'an intersection': [(s) => z.intersection(z.looseObject({}), s), '.right'],
    'an array': [(s) => z.array(s), '.element'],
    'an element of a tuple': [(s) => z.tuple([z.string(), s]), '[1]'],
    'the rest of a tuple': [(s) => z.tuple([z.string()], s), '.rest'],
    'an element of a tuple of zod/mini': [(s) => mini.tuple([s as never]), '[0]'],
    'a property': [(s) => z.object({ seat: s }), '.seat'],
    'a property deep inside': [
      (s) => z.object({ tables: z.array(z.object({ seat: s.optional() })) }),
      '.tables.element.seat',
    ],
    'what is caught of an object': [(s) => z.object({}).catchall(s), '.catchall'],
    'a record': [(s) => z.record(z.string(), s), '.valueType'],
    'a map': [(s) => z.map(z.string(), s), '.valueType'],
    'a set': [(s) => z.set(s), '.valueType'],
  }
  for (const [name, [nest, path]] of Object.entries(NESTED)) {
    it(`are refused in ${name}`, () => {
      refuses(critical(nest(cosmetic(seat()))), path)
      refuses(cosmetic(nest(critical(seat()))), path, 'critical', 'cosmetic')
      boot({ e: critical(nest(seat())) })
    })
  }

  it('are refused in a branch whose union has none', () => {
    const branch = critical(seat().extend({ said: cosmetic(chatter()) }))
    const union = z.discriminatedUnion('kind', [branch, cosmetic(chatter())])
    refuses(union, '.kind=seat.said')
  })

  it('are refused that a derived schema has inherited', () => {
    refuses(critical(z.object({ seat: cosmetic(seat()).describe('a seat') })), '.seat')
  })

  it('are refused in a map of a namespace', () => {
    const refusal = refusalOf(() => boot({}, { lobby: { e: critical(cosmetic(seat()).array()) } }))
    const given = 'an annotation as cosmetic inside a schema that is annotated as critical'
    const path = 'namespaces["lobby"]["e"].element'
    expectRefusal(refusal, 'SPILLWAY_INVALID_ANNOTATION', path, given, ALLOWED)
  })

  describe('of what is an event of its own', () => {
    it('are fine for a part of the payload, whatever its class, in any namespace', () => {
      const said = cosmetic(chatter())
      const taken = critical(seat())
      const table = z.discriminatedUnion('kind', [said, taken])
      boot(
        {
          table,
          snapshot: critical(z.object({ seats: z.array(taken), latest: table.optional() })),
          history: cosmetic(z.tuple([z.string(), said])),
        },
        { '/log': { lines: critical(z.array(said)) } },
      )
    })

    it('are fine where the event has what was derived from it', () => {
      const said = cosmetic(chatter())
      boot({ said: said.refine(({ text }) => text !== ''), all: critical(said.array()) })
    })

    const WHOLE: Record<string, (inner: ReturnType<typeof seat>) => Schema> = {
      'a branch': (s) => z.discriminatedUnion('kind', [s, chatter()]),
      'what is optional': (s) => s.optional(),
      'what is lazy': (s) => z.lazy(() => s),
    }
    for (const [name, nest] of Object.entries(WHOLE)) {
      it(`are refused for ${name}, which would be the whole payload`, () => {
        const taken = cosmetic(seat())
        const refusal = refusalOf(() => boot({ taken, e: critical(nest(taken)) }))
        expect(refusal.message).to.match(/^messages\["e"\].* as cosmetic inside a schema/)
      })
    }
  })

  describe('are looked for once, in schemas that', () => {
    it('contain themselves', () => {
      const tree = z.object({
        name: z.string(),
        get left() {
          return tree.optional()
        },
        right: z.lazy((): z.ZodType => tree).optional(),
      })
      boot({ tree: critical(tree), json: critical(z.json()) })
      const own = critical(z.object({ kids: z.array(z.lazy((): z.ZodType => own)) }))
      boot({ own })
      const either: z.ZodType = critical(z.union([z.string(), z.lazy(() => either)]))
      boot({ either })
    })

    it('are made again each time that they are asked for', () => {
      const endless = (): z.ZodType => z.object({ a: z.string(), next: z.lazy(() => endless()) })
      boot({ e: critical(endless()) })
      expect([...schemaKeys(endless())]).to.have.members(['a', 'next'])
    })

    it('refer to what is not there yet', () => {
      let later: z.ZodType | undefined
      const early = z.object({
        lazy: z.lazy(() => later as z.ZodType).optional(),
        thrown: z
          .lazy(() => {
            if (!later) throw new ReferenceError('too early')
            return later
          })
          .optional(),
      })
      boot({ early: critical(early) })
      later = z.string()
      expect(early.safeParse({ lazy: 'x', thrown: 'y' }).success).to.equal(true)
    })
  })
})
