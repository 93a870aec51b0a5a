import { expect } from 'chai'
import { z } from 'zod'
import { type CompiledEvent, compileMap } from '../../lib/classify/compile-schema.ts'
import { cosmetic, critical, type Schema } from '../../schemas/priority.ts'

/** The only event of a map of `/lobby`. */
function compile(schema: Schema): CompiledEvent {
  return compileMap('messages', '/lobby', { odds: schema }).get('odds')!
}

const of = (kind: string) => z.object({ kind: z.literal(kind), n: z.number() })

describe('compileMap', () => {
  const ARGUMENTS: ReadonlyArray<[name: string, Schema, arity: number, payload: unknown]> = [
    ['the first', z.string(), 1, 'a'],
    ['as many as a tuple has', z.tuple([z.string(), z.number()]), 2, ['a', 1]],
    ['none for an empty tuple', z.tuple([]), 0, []],
    ['all for a tuple with a rest', z.tuple([z.string()], z.any()), Infinity, ['a', 1, 'offset']],
  ]
  for (const [name, schema, arity, payload] of ARGUMENTS) {
    it(`validates of the arguments ${name}`, () => {
      const event = compile(critical(schema))
      expect(event.arity).to.equal(arity)
      expect(event.payloadOf(['a', 1, 'offset'])).to.deep.equal(payload)
    })
  }

  it('gives a cosmetic event a critical rule beside its own, both with its labels', () => {
    const event = compile(cosmetic(z.any(), { rank: 3 }))
    const labels = { namespace: '/lobby', event: 'odds' }
    expect(event.critical).to.include({ ...labels, class: 'critical' })
    expect(event.ruleOf('x')).to.include({ ...labels, class: 'cosmetic', rank: 3 })
    expect(event.rules).to.deep.equal([event.critical, event.ruleOf('x')])
  })

  it('gives the critical branches of a union one rule, and each cosmetic one its own', () => {
    const branches = [critical(of('a')), critical(of('b')), cosmetic(of('c')), cosmetic(of('d'))]
    const event = compile(z.discriminatedUnion('kind', branches as never))
    const [a, b, c, d] = ['a', 'b', 'c', 'd'].map((kind) => event.ruleOf({ kind }))
    expect([a, b]).to.deep.equal([event.critical, event.critical])
    expect(c).to.not.equal(d)
    expect(event.rules).to.have.members([a, c, d]).and.to.have.length(3)
    expect(event.ruleOf({ kind: 'e' })).to.equal(undefined)
  })

  it('names where each annotation is: the event, or the branches of its union', () => {
    const whole = critical(z.discriminatedUnion('kind', [of('a'), of('b')]))
    expect(compile(whole).annotated).to.deep.equal([{ path: 'messages["odds"]', schema: whole }])
    const [a, b] = [critical(of('a')), cosmetic(of('b'))]
    expect(compile(z.discriminatedUnion('kind', [a, b])).annotated).to.deep.equal([
      { path: 'messages["odds"].kind=a', schema: a },
      { path: 'messages["odds"].kind=b', schema: b },
    ])
  })

  it('counts a schema of two namespaces apart', () => {
    const odds = cosmetic(z.number())
    const [one, other] = ['/a', '/b'].map(
      (namespace) => compileMap('messages', namespace, { odds }).get('odds')!,
    )
    one!.ruleOf(1)!.tally.count('sent', 10)
    expect(other!.ruleOf(1)).to.have.nested.property('tally.sent', 0)
  })
})
