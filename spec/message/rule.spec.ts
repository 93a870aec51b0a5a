import { expect } from 'chai'
import { makeRule } from '../../lib/message/rule.ts'

const cosmetic = { class: 'cosmetic' } as const

describe('makeRule', () => {
  it('follows an annotation in every option, else the defaults', () => {
    const all = { conflateBy: 'n', maxAge: 1, rank: -100, drop: 'newest' } as const
    expect(makeRule('/', 'frame', { ...cosmetic, ...all })).to.include({ ...cosmetic, ...all })
    const defaults = { conflateBy: undefined, maxAge: undefined, rank: 0, drop: 'oldest' }
    expect(makeRule('/', 'frame', cosmetic)).to.include({ ...cosmetic, ...defaults })
  })

  it('gives critical messages no age and no key', () => {
    const rule = makeRule('/', 'won', { class: 'critical' })
    const maxAge = Number.POSITIVE_INFINITY
    expect(rule).to.include({ class: 'critical', conflateBy: undefined, maxAge, rank: 0 })
  })

  it('tells rules of one event apart, each with counts of its own', () => {
    const [one, other] = [makeRule('/', 'frame', cosmetic), makeRule('/', 'frame', cosmetic)]
    expect(one.id).to.not.equal(other.id)
    one.tally.count('sent', 10)
    expect(other.tally.sent).to.equal(0)
  })

  it('has the labels that it is given', () => {
    expect(makeRule('/lobby', 'won', cosmetic)).to.include({ namespace: '/lobby', event: 'won' })
  })
})
