import { expect } from 'chai'
import { Shadow } from '../lib/shadow.ts'
import { LIMITS } from './support/simulation.ts'

const BYTES = 1000
const MESSAGES = 4000

describe('Shadow', () => {
  /** The share that would be dropped of messages to a client that takes so many bytes a message. */
  function dropped(taken: number): number {
    const shadow = new Shadow()
    let drops = 0
    for (let n = 1; n <= MESSAGES; n++) {
      // all of them are sent
      shadow.advance(Math.min(n * BYTES, n * taken), LIMITS)
      if (shadow.drops(BYTES, LIMITS)) drops++
      else shadow.admit(BYTES)
      expect(shadow.buffered).to.be.at.most(LIMITS.high)
    }
    return drops / MESSAGES
  }

  it('drops what a client can not take, not all that comes behind it', () => {
    expect(dropped(250)).to.be.within(0.7, 0.75)
    expect(dropped(750)).to.be.within(0.15, 0.25)
  })

  it('drops nothing of a client that keeps up, and all of one that takes nothing', () => {
    expect(dropped(1000)).to.equal(0)
    expect(dropped(0)).to.be.within(0.96, 0.97)
  })

  it('lets critical messages in above high, and a cosmetic one of any size of a client that has caught up', () => {
    const shadow = new Shadow()
    expect(shadow.drops(10 * LIMITS.high, LIMITS)).to.equal(false)
    shadow.admit(2 * LIMITS.high)
    expect(shadow.drops(1, LIMITS)).to.equal(true)
    shadow.advance(1.4 * LIMITS.high, LIMITS)
    expect(shadow.drops(1, LIMITS), 'not below low').to.equal(true)
    shadow.advance(1.6 * LIMITS.high, LIMITS)
    expect(shadow.drops(1, LIMITS)).to.equal(false)
  })
})
