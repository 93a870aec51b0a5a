import { expect } from 'chai'
import fc from 'fast-check'
import { Held, HeldBytes, type Shared } from '../../lib/message/held-bytes.ts'

describe('HeldBytes', () => {
  it('counts what clients share once, until the last of them lets go', () => {
    const heldBytes = new HeldBytes()
    const item = new Held(10, 400)
    heldBytes.hold(item)
    heldBytes.hold(item)
    expect(heldBytes.bytes).to.equal(400)
    heldBytes.release(item)
    expect(heldBytes.bytes).to.equal(400)
    expect(item.heldBytes).to.equal(heldBytes)
    heldBytes.release(item)
    expect(heldBytes.bytes).to.equal(0)
    expect(item).to.include({ holders: 0, charged: 0, heldBytes: undefined })
  })

  it('counts what has grown while it is held, and lets go of all of it', () => {
    const heldBytes = new HeldBytes()
    let cost = 100
    const item: Shared = {
      bytes: 10,
      get cost() {
        return cost
      },
      holders: 0,
      charged: 0,
      heldBytes: undefined,
    }
    heldBytes.hold(item)
    cost = 250
    expect(heldBytes.bytes).to.equal(100)
    heldBytes.charge(item)
    heldBytes.charge(item)
    expect(heldBytes.bytes).to.equal(250)
    cost = 300
    heldBytes.hold(item)
    expect(heldBytes.bytes).to.equal(300)
    heldBytes.release(item)
    heldBytes.release(item)
    expect(heldBytes.bytes).to.equal(0)
  })

  it('is at any time the sum of the items that somebody holds', () => {
    const step = fc.tuple(fc.nat(4), fc.boolean())
    fc.assert(
      fc.property(fc.array(step), (steps) => {
        const heldBytes = new HeldBytes()
        const items = [1, 10, 100, 1000, 10_000].map((cost) => new Held(1, cost))
        for (const [index, holds] of steps) {
          const item = items[index]!
          if (holds) heldBytes.hold(item)
          else if (item.holders > 0) heldBytes.release(item)
          const sum = items.reduce(
            (total, { holders, cost }) => total + (holders > 0 ? cost : 0),
            0,
          )
          expect(heldBytes.bytes).to.equal(sum)
        }
      }),
    )
  })
})
