import { expect } from 'chai'
import { z } from 'zod'
import { jsonSchemaOf, withoutNullType } from '../../lib/admin/json-schema.ts'

describe('jsonSchemaOf', () => {
  it('is of draft 7 without its address, with units and words under keywords of its own', () => {
    const schema = z.object({ low: z.number().min(1).meta({ unit: 'bytes', allowed: 'a size' }) })
    expect(jsonSchemaOf(schema, 'input')).to.deep.equal({
      type: 'object',
      properties: { low: { type: 'number', minimum: 1, 'x-unit': 'bytes', 'x-allowed': 'a size' } },
      required: ['low'],
    })
  })

  it('has what is taken, or what is answered', () => {
    const schema = z.object({ n: z.string().transform(Number).pipe(z.number()).default(5) })
    expect(jsonSchemaOf(schema, 'input')).to.deep.equal({
      type: 'object',
      properties: { n: { type: 'string', default: 5 } },
    })
    const { required, properties } = jsonSchemaOf(schema, 'output')
    expect({ required, properties }).to.deep.equal({
      required: ['n'],
      properties: { n: { type: 'number', default: 5 } },
    })
  })

  it('takes anything where a schema cannot be told', () => {
    expect(jsonSchemaOf(z.custom(), 'input')).to.deep.equal({})
  })
})

describe('withoutNullType', () => {
  const number = { type: 'number', minimum: 0 }
  const nothing = { type: 'null' }

  it('tells a value that may be null by a keyword', () => {
    for (const keyword of ['nullable', 'x-nullable'] as const) {
      const nullable = { ...number, [keyword]: true }
      expect(withoutNullType({ anyOf: [number, nothing] }, keyword)).to.deep.equal(nullable)
      const types = { type: ['number', 'null'], minimum: 0 }
      expect(withoutNullType(types, keyword)).to.deep.equal(nullable)
    }
  })

  it('keeps a union of others in OpenAPI, and leaves it out in Swagger', () => {
    const text = { type: 'string' }
    const union = { description: 'either', oneOf: [number, text, nothing] }
    expect(withoutNullType(union, 'nullable')).to.deep.equal({
      description: 'either',
      anyOf: [number, text],
      nullable: true,
    })
    const plain = { description: 'either', 'x-nullable': true }
    expect(withoutNullType(union, 'x-nullable')).to.deep.equal(plain)
  })

  it('translates properties, items and additional properties, at any depth', () => {
    const nullable = { anyOf: [number, nothing] }
    const schema = {
      type: 'object',
      propertyNames: { type: 'string' },
      additionalProperties: nullable,
      properties: { type: nullable, list: { type: 'array', items: nullable } },
    }
    const translated = { ...number, nullable: true }
    expect(withoutNullType(schema, 'nullable')).to.deep.equal({
      type: 'object',
      additionalProperties: translated,
      properties: { type: translated, list: { type: 'array', items: translated } },
    })
  })

  it('leaves a schema as it is that has nothing of the kind', () => {
    for (const schema of [number, nothing, {}, { enum: ['a', null], default: null }]) {
      expect(withoutNullType(schema, 'nullable')).to.deep.equal(schema)
    }
  })
})
