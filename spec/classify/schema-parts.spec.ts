import { expect } from 'chai'
import { z } from 'zod'
import * as mini from 'zod/mini'
import { partsOf, propertiesOf } from '../../lib/classify/schema-parts.ts'
import type { Schema } from '../../schemas/priority.ts'

const pathsOf = (schema: Schema) => [...partsOf(schema)].map(({ path }) => path)

describe('Parts of a schema', () => {
  it('are all schemas inside it, each with its path', () => {
    const schema = z.object({
      seats: z.array(z.object({ id: z.string() })),
      pair: z.tuple([z.string(), z.number()]),
      by: z.record(z.string(), z.boolean()),
    })
    expect(pathsOf(schema)).to.have.members([
      '.seats',
      '.seats.element',
      '.seats.element.id',
      '.pair',
      '.pair[0]',
      '.pair[1]',
      '.by',
      '.by.keyType',
      '.by.valueType',
    ])
    expect(pathsOf(z.string())).to.deep.equal([])
  })

  it('are whole if they describe the same value, however deep, and not inside a property', () => {
    const seat = z.object({ id: z.string().optional() })
    const schema = z.union([z.string().nullable(), seat.optional()]).readonly()
    const parts = [...partsOf(schema)]
    const whole = parts.filter(({ isWhole }) => isWhole).map((part) => part.schema)
    expect(whole).to.include(seat).and.to.have.length(5)
    const others = parts.filter(({ isWhole }) => !isWhole)
    expect(others.map(({ path }) => path)).to.deep.equal(['.options[1].id', '.options[1].id'])
  })

  it('occur once, by the shortest path, in a schema that contains itself', () => {
    const name = z.string()
    const tree: z.ZodType = z.object({
      deep: z.object({ name }),
      name,
      kids: z.array(z.lazy(() => tree)),
    })
    const parts = [...partsOf(tree)]
    expect(parts.filter(({ schema }) => schema === name)).to.deep.equal([
      { schema: name, path: '.name', isWhole: false },
    ])
    expect(parts.some(({ schema }) => schema === tree)).to.equal(false)
  })

  it('are bounded in number where each getter makes new ones', () => {
    const again = (): z.ZodType => z.object({ next: z.lazy(again) })
    expect(pathsOf(again()), 'one getter is called once').to.have.length.below(5)
    const endless = (): z.ZodType => z.object({ next: z.lazy(() => endless()) })
    expect(pathsOf(endless())).to.have.length.within(1000, 10_000)
  })

  it('leave a getter alone that is called too early, which then works', () => {
    let later: z.ZodType | undefined
    const schema = z.lazy(() => {
      if (!later) throw new ReferenceError('too early')
      return later
    })
    expect(pathsOf(schema)).to.deep.equal([])
    later = z.object({ n: z.number() })
    expect(pathsOf(schema)).to.deep.equal(['', '.n'])
  })

  it('have the names of the properties of an object, and none else', () => {
    expect(propertiesOf(z.object({ a: z.string(), b: z.number() }))).to.deep.equal(['a', 'b'])
    expect(propertiesOf(mini.object({ a: mini.string() }))).to.deep.equal(['a'])
    for (const schema of [z.string(), z.array(z.object({ a: z.string() })), z.object({})]) {
      expect(propertiesOf(schema)).to.deep.equal([])
    }
  })
})
