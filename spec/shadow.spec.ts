import { expect } from 'chai'
import { Shadow } from '../lib/shadow.ts'
import { DeliveryWindow } from '../lib/window.ts'
import { LIMITS as DEFAULTS } from './support/simulation.ts'

/** Bytes alone: of the path nothing is known. */
const LIMITS = { ...DEFAULTS, horizon: 0 }

const BYTES = 1000
const MESSAGES = 4000

/** Asked as a channel asks it, with nothing known of the path. */
function setUp() {
  const shadow = new Shadow()
  const window = new DeliveryWindow()
  return {
    shadow,
    advance: (delivered: number) => shadow.advance(delivered, 0, window, LIMITS, 0),
    drops: (bytes: number) => shadow.drops(bytes, 0, window, LIMITS, 0),
  }
}

describe('Shadow', () => {
  /** The share that would be dropped of messages to a client that takes so many bytes a message. */
  function dropped(taken: number): number {
    const { shadow, advance, drops } = setUp()
    let dropped = 0
    for (let n = 1; n <= MESSAGES; n++) {
      // all of them are sent
      advance(Math.min(n * BYTES, n * taken))
      if (drops(BYTES)) dropped++
      else shadow.admit(BYTES)
      expect(shadow.buffered).to.be.at.most(LIMITS.high)
    }
    return dropped / MESSAGES
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
    const { shadow, advance, drops } = setUp()
    expect(drops(10 * LIMITS.high)).to.equal(false)
    shadow.admit(2 * LIMITS.high)
    expect(drops(1)).to.equal(true)
    advance(1.4 * LIMITS.high)
    expect(drops(1), 'not below low').to.equal(true)
    advance(1.6 * LIMITS.high)
    expect(drops(1)).to.equal(false)
  })
})
