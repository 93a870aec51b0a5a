import { expect } from 'chai'
import { MESSAGE_OUTCOMES, type MessageOutcome } from '../../lib/base/outcomes.ts'
import { Tally } from '../../lib/base/tally.ts'

const OUTCOMES = Object.keys(MESSAGE_OUTCOMES) as MessageOutcome[]

describe('Tally', () => {
  it('counts messages and bytes of each outcome apart', () => {
    for (const outcome of OUTCOMES) {
      const tally = new Tally()
      tally.count(outcome, 10)
      tally.count(outcome, 5)
      const others = Object.entries(tally).filter(([, value]) => value !== 0)
      expect(Object.fromEntries(others)).to.deep.equal({ [outcome]: 2, [`${outcome}Bytes`]: 15 })
    }
  })

  it('takes for shed what was dropped, conflated or expired', () => {
    const tally = new Tally()
    for (const outcome of OUTCOMES) tally.count(outcome, 1)
    tally.countObserved(1)
    expect(tally.shed).to.equal(3)
  })

  it('adds every field of another one', () => {
    const tally = new Tally()
    for (const [index, name] of Object.keys(tally).entries()) Reflect.set(tally, name, index + 1)
    const sum = new Tally()
    sum.add(tally)
    sum.add(tally)
    for (const [index, value] of Object.values(sum).entries())
      expect(value).to.equal(2 * (index + 1))
  })
})
