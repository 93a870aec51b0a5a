import { expect } from 'chai'
import * as z from 'zod/mini'
import type { MessageMap } from '../../schemas/events.ts'
import { cosmetic, critical, priorities } from '../../schemas/priority.ts'
import { makeClassifier } from '../support/classes.ts'
import { refusalOf } from '../support/refusals.ts'
import { type Fixture, startServer } from '../support/servers/server.ts'

const branch = <K extends string>(kind: K) => z.object({ kind: z.literal(kind), n: z.number() })

describe('Schemas of zod/mini', () => {
  const { event, invalid } = makeClassifier({
    one: cosmetic(z.object({ n: z.number() }), { conflateBy: 'n' }),
    two: cosmetic(z.tuple([z.string(), z.number()])),
    maybe: cosmetic(z.tuple([z.string(), z.optional(z.number())])),
    many: cosmetic(z.tuple([z.string()], z.number())),
    optional: cosmetic(z.optional(z.number())),
    checked: cosmetic(z.string().check(z.minLength(2))),
    lazy: cosmetic(z.object({ tree: z.lazy(() => z.object({ leaf: z.number() })) })),
    table: z.discriminatedUnion('kind', [critical(branch('seat')), cosmetic(branch('chatter'))]),
  } satisfies MessageMap)

  const VALID: ReadonlyArray<[event: string, args: unknown[], class_?: string]> = [
    ['one', [{ n: 1 }]],
    ['two', ['a', 1]],
    ['maybe', ['a']],
    ['many', ['a', 1, 2]],
    ['optional', []],
    ['checked', ['ab']],
    ['lazy', [{ tree: { leaf: 1 } }]],
    ['table', [{ kind: 'chatter', n: 1 }]],
    ['table', [{ kind: 'seat', n: 1 }], 'critical'],
  ]
  for (const [name, args, class_ = 'cosmetic'] of VALID) {
    it(`classify ${name} ${JSON.stringify(args)} as ${class_}`, () => {
      expect(event(name, args).rule.class).to.equal(class_)
      expect(invalid).to.deep.equal([])
    })
  }

  const INVALID: ReadonlyArray<[event: string, args: unknown[], issue: string]> = [
    ['one', [{ n: 'a' }], 'n: invalid_type'],
    ['two', ['a'], '(payload): too_small'],
    ['two', [1, 1], '0: invalid_type'],
    ['many', ['a', 'b'], '1: invalid_type'],
    ['checked', ['a'], '(payload): too_small'],
    ['lazy', [{ tree: { leaf: 'a' } }], 'tree.leaf: invalid_type'],
  ]
  for (const [name, args, issue] of INVALID) {
    it(`report ${name} ${JSON.stringify(args)} by the path`, () => {
      expect(event(name, args).rule.class).to.equal('critical')
      expect(invalid.splice(0)[0]!.issues).to.include(issue)
    })
  }

  it('are checked for the key of conflation', () => {
    const wrong = () => cosmetic(z.object({ n: z.number() }), { conflateBy: 'nope' } as never)
    const message = refusalOf(() => makeClassifier({ e: wrong() })).message
    expect(message).to.include('messages["e"].conflateBy').and.to.include('a key of the schema: n')
    makeClassifier({ e: cosmetic(z.looseObject({ n: z.number() }), { conflateBy: 'n' }) })
  })

  it('inherit the annotation where zod calls it the same schema', () => {
    const checked = cosmetic(z.string()).check(z.minLength(2))
    expect(priorities.get(checked)).to.deep.equal({ class: 'cosmetic' })
  })

  describe('over the wire', () => {
    let fixture: Fixture
    afterEach(() => fixture.close())

    it('describe all arguments by a tuple', async () => {
      fixture = await startServer({
        messages: { pair: cosmetic(z.tuple([z.string(), z.number()])) },
      })
      const client = await fixture.raw()
      fixture.io.emit('pair', 'a', 1)
      await client.until(() => client.received('pair').length === 1)
      expect(client.frames.at(-1)).to.equal('42["pair","a",1]')
      const rows = fixture.spillway!.stats().events.filter(({ event }) => event === 'pair')
      expect(rows.map((row) => [row.class, row.sent.messages, row.invalid])).to.deep.equal([
        ['critical', 0, 0],
        ['cosmetic', 1, 0],
      ])
    })
  })
})
