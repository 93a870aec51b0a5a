import { runInNewContext } from 'node:vm'
import { expect } from 'chai'
import { z } from 'zod'
import { isPlain, safeParse, withOwnKeys, withoutPrototype } from '../../schemas/own-keys.ts'
import { whileExtended } from '../support/extended-prototype.ts'

const schema = () =>
  z.strictObject({
    mode: z.enum(['enforce', 'observe']).default('enforce'),
    grace: z.number().optional(),
    levels: z.strictObject({ low: z.number().default(1) }).prefault({}),
    either: z.union([z.boolean(), z.strictObject({ n: z.number() })]).optional(),
  })

describe('safeParse', () => {
  it('parses as zod does, also the defaults of objects inside', () => {
    for (const given of [{}, { mode: 'observe', levels: { low: 5 } }, { either: { n: 1 } }]) {
      expect(safeParse(schema(), given).data).to.deep.equal(schema().parse(given))
    }
  })

  it('finds no inherited key where a library has extended Object.prototype', () => {
    const given = { levels: {}, either: { n: 1 } }
    expect(whileExtended('grace', () => z.safeParse(schema(), given).success)).to.equal(false)
    const parsed = whileExtended('grace', () => safeParse(schema(), given))
    expect(parsed.data).to.deep.equal(schema().parse(given))
    expect(parsed.data).to.not.have.property('grace')
  })

  it('refuses an unknown key of its own all the same', () => {
    const codes = [{ foo: 1 }, { levels: { foo: 1 } }].map(
      (given) => whileExtended('grace', () => safeParse(schema(), given)).error?.issues[0]?.code,
    )
    expect(codes).to.deep.equal(['unrecognized_keys', 'unrecognized_keys'])
  })

  it('returns objects without a prototype, at any depth', () => {
    const { data } = safeParse(schema(), { either: { n: 1 } })
    for (const each of [data, data?.levels, data?.either]) {
      expect(Object.getPrototypeOf(each)).to.equal(null)
    }
  })

  it('refuses objects that are not plain, at any depth', () => {
    const others = [new Map(), new Date(), new (class Settings {})(), Object.create({ low: 5 })]
    for (const other of others) {
      expect(safeParse(schema(), other).success).to.equal(false)
      expect(safeParse(schema(), { levels: other }).success).to.equal(false)
    }
  })
})

describe('isPlain', () => {
  it('takes object literals, of another realm too, and objects without a prototype', () => {
    const plain = [{}, Object.create(null), runInNewContext('({ a: 1 })'), Object.freeze({})]
    for (const each of plain) expect(isPlain(each)).to.equal(true)
    const others = [[], null, undefined, 'text', () => {}, new Map(), Object.create({}), /x/]
    for (const each of others) expect(isPlain(each)).to.equal(false)
  })
})

describe('withoutPrototype', () => {
  it('copies objects and arrays at any depth, by their own keys', () => {
    const given = { list: [{ a: 1 }], n: null, text: 'x' }
    const copy = whileExtended('grace', () => withoutPrototype(given))
    expect(copy).to.deep.equal(given)
    expect(Object.getPrototypeOf(copy.list[0])).to.equal(null)
  })
})

describe('withOwnKeys', () => {
  it('keeps the shapes of a schema and of its parts to their own keys', () => {
    const make = () => {
      const inner = () => z.strictObject({ a: z.number() })
      return z.object({ list: z.array(inner()), either: inner().optional() })
    }
    const expected = JSON.stringify(z.toJSONSchema(make()))
    const schema = make()
    const told = whileExtended('grace', () => JSON.stringify(z.toJSONSchema(withOwnKeys(schema))))
    expect(told).to.equal(expected)
  })
})
