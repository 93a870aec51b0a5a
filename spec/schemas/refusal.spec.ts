import { expect } from 'chai'
import { z } from 'zod'
import type { SpillwayError } from '../../lib/base/errors.ts'
import { allowedBy, factsOf, refusalOf } from '../../schemas/refusal.ts'

/** The refusal of a value that a schema does not take. */
function refusal(schema: z.ZodType, given: unknown, at = ''): SpillwayError {
  const { error } = schema.safeParse(given)
  return refusalOf('SPILLWAY_INVALID_OPTION', at, schema, given, error!)
}

describe('allowedBy', () => {
  const WORDS: ReadonlyArray<[schema: z.ZodType, words: string]> = [
    [z.int().min(1).max(9).meta({ unit: 'bytes' }), 'an integer from 1 to 9 (bytes)'],
    [z.number().min(1), 'a number of at least 1'],
    [z.string().min(1).max(20), 'a string of 1 to 20 characters'],
    [z.string().max(20), 'a string of 0 to 20 characters'],
    [z.enum(['a', 'b', 'c']), '"a", "b" or "c"'],
    [z.literal('a'), '"a"'],
    [z.union([z.boolean(), z.enum(['a', 'b']), z.boolean()]), 'a boolean or "a" or "b"'],
    [z.strictObject({ a: z.any(), b: z.any() }), 'a plain object with any of the keys a, b'],
    [z.custom(() => true).meta({ allowed: 'a logger' }), 'a logger'],
    [z.any(), 'a value'],
  ]
  for (const [schema, words] of WORDS) {
    it(`says ${words}`, () => expect(allowedBy(factsOf(schema))).to.equal(words))
  }
})

describe('refusalOf', () => {
  const schema = z.strictObject({
    grace: z.int().min(0).max(9).optional(),
    levels: z.strictObject({ low: z.number().optional() }).optional(),
    hooks: z.union([z.literal(false), z.array(z.enum(['a', 'b']))]).optional(),
  })

  it('names a value by its path, below that of what was parsed', () => {
    const { code, message } = refusal(schema, { levels: { low: 'x' } }, 'policy')
    expect(code).to.equal('SPILLWAY_INVALID_OPTION')
    expect(message).to.equal('policy.levels.low: was given "x"; allowed: a number')
    expect(refusal(schema, { grace: 10 }).message).to.match(/^grace: was given 10; allowed: an int/)
    expect(refusal(schema, 5).message).to.match(/^options: was given 5; allowed: a plain object/)
  })

  it('names an unknown key and those that are known, at its depth', () => {
    const at = (given: unknown) => refusal(schema, given).message
    expect(at({ foo: 1, bar: 2 })).to.equal(
      'foo: was given 1; allowed: the keys grace, levels, hooks',
    )
    expect(at({ levels: { foo: [] } })).to.equal(
      'levels.foo: was given an array of 0; allowed: the keys low',
    )
    expect(refusal(z.strictObject({}), { foo: 1 }).message).to.match(/allowed: no key$/)
  })

  it('cuts an unknown key that is long', () => {
    const { message } = refusal(schema, { ['x'.repeat(1000)]: 1 })
    expect(message).to.match(/^x{60}…: was given 1;/)
  })

  it('names the element of an array, also in a union', () => {
    expect(refusal(schema, { hooks: ['a', 'c'] }).message).to.match(/^hooks\[1\]: was given "c";/)
    expect(refusal(schema, { hooks: 5 }).message).to.equal(
      'hooks: was given 5; allowed: false or an array',
    )
    expect(refusal(z.array(z.string()), ['a', 1], 'list').message).to.equal(
      'list[1]: was given 1; allowed: a string',
    )
  })
})
