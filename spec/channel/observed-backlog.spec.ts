import { expect } from 'chai'
import { ObservedBacklog } from '../../lib/channel/observed-backlog.ts'
import { DeliveryWindow } from '../../lib/window/delivery-window.ts'
import { LIMITS as DEFAULTS } from '../support/fakes/simulation.ts'

/** Bytes alone: of the path nothing is known. */
const LIMITS = { ...DEFAULTS, horizon: 0 }

const BYTES = 1000
const MESSAGES = 4000

/** Asked as a channel asks it, with nothing known of the path. */
function setUp() {
  const shadow = new ObservedBacklog()
  const window = new DeliveryWindow()
  return {
    shadow,
    advance: (delivered: number) => shadow.advance(delivered, 0, window, LIMITS, 0),
    drops: (bytes: number, rank = 0) => shadow.drops(bytes, rank, 0, window, LIMITS, 0),
  }
}

describe('ObservedBacklog', () => {
  /** The share that would be dropped of messages to a client that takes so many bytes a message. */
  function dropped(taken: number): number {
    const { shadow, advance, drops } = setUp()
    let dropped = 0
    for (let n = 1; n <= MESSAGES; n++) {
      // all of them are sent
      advance(Math.min(n * BYTES, n * taken))
      if (drops(BYTES)) dropped++
      expect(shadow.buffered).to.be.at.most(LIMITS.high)
    }
    return dropped / MESSAGES
  }

  it('drops what a client can not take, not all that comes behind it', () => {
    expect(dropped(250)).to.be.within(0.7, 0.75)
    expect(dropped(750)).to.be.within(0.15, 0.25)
  })

  /** The shares of two ranks, of which one message each is offered in turn. */
  function droppedOf(taken: number): { low: number; high: number } {
    const { shadow, advance, drops } = setUp()
    const dropped = { low: 0, high: 0 }
    for (let n = 1; n <= MESSAGES; n++) {
      advance(n * taken)
      for (const [name, rank] of [['low', -1] as const, ['high', 1] as const]) {
        if (drops(BYTES, rank)) dropped[name]++
      }
      expect(shadow.ahead(1)).to.be.at.most(shadow.ahead(-1))
      expect(shadow.ahead(-1)).to.equal(shadow.buffered)
      expect(shadow.buffered).to.be.at.most(LIMITS.high)
    }
    return { low: dropped.low / MESSAGES, high: dropped.high / MESSAGES }
  }

  it('drops the lowest rank first, and as much as a client can not take', () => {
    const half = droppedOf(1500)
    expect(half.high).to.equal(0)
    expect(half.low).to.be.within(0.45, 0.5)
    const little = droppedOf(500)
    expect(little.high).to.be.within(0.4, 0.5)
    expect(little.low).to.be.within(0.9, 1)
  })

  it('has lower ranks wait behind higher ones, and those behind critical messages', () => {
    const { shadow, advance, drops } = setUp()
    shadow.admit(500)
    expect([drops(300, -1), drops(200, 1)]).to.deep.equal([false, false])
    expect([shadow.ahead(1), shadow.ahead(0), shadow.ahead(-1)]).to.deep.equal([700, 700, 1000])
    advance(600)
    expect([shadow.ahead(1), shadow.ahead(-1)]).to.deep.equal([100, 400])
    advance(900)
    expect([shadow.ahead(1), shadow.ahead(-1)]).to.deep.equal([0, 100])
  })

  it('drops nothing of a client that keeps up, and all of one that takes nothing', () => {
    expect(dropped(1000)).to.equal(0)
    expect(dropped(0)).to.be.within(0.96, 0.97)
  })

  it('lets critical messages in above high, and a cosmetic one of any size of a client that has caught up', () => {
    const { shadow, advance, drops } = setUp()
    expect(setUp().drops(10 * LIMITS.high)).to.equal(false)
    shadow.admit(2 * LIMITS.high)
    expect(drops(1)).to.equal(true)
    advance(1.4 * LIMITS.high)
    expect(drops(1), 'not below low').to.equal(true)
    advance(1.6 * LIMITS.high)
    expect(drops(1)).to.equal(false)
  })
})
