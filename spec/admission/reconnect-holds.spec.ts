import { expect } from 'chai'
import { ReconnectHolds } from '../../lib/admission/reconnect-holds.ts'

describe('ReconnectHolds', () => {
  it('hold back who was closed twice, longer each time', () => {
    const holds = new ReconnectHolds()
    const told: boolean[] = []
    const left: number[] = []
    for (let n = 0, now = 0; n < 7; n++) {
      told.push(holds.closed('a', 500, now))
      left.push(holds.remaining('a', now))
      now += left.at(-1)! + 1000
    }
    expect(told).to.deep.equal([false, true, false, false, false, false, false])
    expect(left).to.deep.equal([0, 5000, 10_000, 20_000, 40_000, 40_000, 40_000])
  })

  it('hold back nobody for others that were connected at the same time', () => {
    const holds = new ReconnectHolds()
    for (let n = 0; n < 100; n++) holds.closed('a', 5000, 1000 + n)
    expect(holds.remaining('a', 1100)).to.equal(0)
  })

  it('end, and are forgotten ten minutes after the latest closing', () => {
    const holds = new ReconnectHolds()
    holds.closed('a', 500, 0)
    holds.closed('a', 500, 1000)
    expect(holds.remaining('a', 5999)).to.equal(1)
    expect(holds.remaining('a', 6000)).to.equal(0)
    expect(holds.remaining('b', 2000)).to.equal(0)
    holds.closed('a', 500, 601_001)
    expect(holds.remaining('a', 601_001)).to.equal(0)
  })

  it('are of a thousand, the latest ones', () => {
    const holds = new ReconnectHolds()
    for (let n = 0; n < 3000; n++) holds.closed(String(n), 500, n)
    expect(holds.size).to.equal(1000)
  })
})
