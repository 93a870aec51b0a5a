import { expect } from 'chai'
import { z } from 'zod'
import * as mini from 'zod/mini'
import {
  branchOf,
  discriminatorsOf,
  isDiscriminatedUnion,
  type RuleOf,
  ruleByBranch,
} from '../../lib/classify/union-branches.ts'
import type { Schema } from '../../schemas/priority.ts'
import { whileExtended } from '../support/extended-prototype.ts'
import { rule } from '../support/fakes/envelopes.ts'

/** An option of a union that is selected by a property `kind` of this schema. */
const kind = (schema: z.ZodType) => z.object({ kind: schema })
const options = () => [
  kind(z.literal('seat')),
  kind(z.enum(['chatter', 'emote'])),
  kind(z.literal([1, null])),
  kind(z.literal('gone').optional()),
  z.discriminatedUnion('side', [
    z.object({ kind: z.literal('bet'), side: z.literal(1) }),
    z.object({ kind: z.literal('raise'), side: z.literal(2) }),
  ]),
]

/** The rules of a union whose branches have the path for their event's name. */
function rulesOf(union: Schema): (payload: unknown) => string | undefined {
  const resolve = (path: string, branch: Schema): RuleOf => {
    if (isDiscriminatedUnion(branch)) return ruleByBranch(path, branch, resolve)
    const found = rule(undefined, path)
    return () => found
  }
  const ruleOf = resolve('', union)
  return (payload) => ruleOf(payload)?.event
}

describe('Branches of a union', () => {
  it('have a path of all the values that select them', () => {
    expect(options().map((option) => branchOf(option, 'kind'))).to.deep.equal([
      '.kind=seat',
      '.kind=chatter|emote',
      '.kind=1|null',
      '.kind=gone|undefined',
      '.kind=bet|raise',
    ])
  })

  it('have the same values where a library has extended Object.prototype', () => {
    const valuesOf = () => options().map((option) => [...discriminatorsOf(option, 'kind')])
    expect(whileExtended('extended', valuesOf)).to.deep.equal(valuesOf())
    expect(
      whileExtended('extended', () => [...discriminatorsOf(z.object({}), 'extended')]),
    ).to.deep.equal([])
  })

  it('are found by the value of the discriminator, also those of a union inside', () => {
    const found = rulesOf(z.discriminatedUnion('kind', options() as never))
    expect(found({ kind: 'seat' })).to.equal('.kind=seat')
    expect(found({ kind: 'emote', n: 1 })).to.equal('.kind=chatter|emote')
    expect(found({ kind: 1 })).to.equal('.kind=1|null')
    expect(found({ kind: 'raise', side: 2 })).to.equal('.kind=bet|raise.side=2')
  })

  it('are not found for a payload that none is for', () => {
    const found = rulesOf(z.discriminatedUnion('kind', [kind(z.literal('seat'))] as never))
    for (const payload of [{ kind: 'Seat' }, { kind: ['seat'] }, {}, [], null, undefined, 'seat']) {
      expect(found(payload), JSON.stringify(payload)).to.equal(undefined)
    }
  })

  it('without a value are found for null as well, unless another branch is for null', () => {
    const absent = kind(z.literal('gone').optional())
    const found = rulesOf(z.discriminatedUnion('kind', [absent, kind(z.literal('seat'))] as never))
    expect(found({})).to.equal('.kind=gone|undefined')
    expect(found({ kind: null })).to.equal('.kind=gone|undefined')
    const both = rulesOf(z.discriminatedUnion('kind', [absent, kind(z.literal(null))] as never))
    expect(both({ kind: null })).to.equal('.kind=null')
  })

  it('are those of discriminated unions alone, of zod or of zod/mini', () => {
    const isOne = [
      z.discriminatedUnion('kind', [kind(z.literal('seat'))] as never),
      mini.discriminatedUnion('kind', [mini.object({ kind: mini.literal('seat') })]),
      z.union([z.string(), z.number()]),
      z.object({ type: z.literal('union'), discriminator: z.string() }),
    ].map(isDiscriminatedUnion)
    expect(isOne).to.deep.equal([true, true, false, false])
  })
})
