import { expect } from 'chai'
import { DecayingRate } from '../../lib/telemetry/decaying-rate.ts'

const MINUTE = 60_000

describe('DecayingRate', () => {
  it('comes to the rate at which something happens', () => {
    const rate = new DecayingRate()
    for (let n = 0; n <= 200; n++) rate.record((n * MINUTE) / 4)
    expect(rate.count).to.equal(201)
    expect(rate.perMinute(50 * MINUTE)).to.be.closeTo(4, 0.2)
  })

  it('forgets: a third is left after three minutes, next to nothing after half an hour', () => {
    const rate = new DecayingRate()
    for (let n = 0; n < 10; n++) rate.record(0)
    const first = rate.perMinute(0)
    expect(rate.perMinute(3 * MINUTE)).to.be.closeTo(first / Math.E, 1e-9)
    expect(rate.perMinute(30 * MINUTE)).to.be.lessThan(0.001)
    expect(rate.count).to.equal(10)
  })

  it('is 0 when nothing happened', () => {
    expect(new DecayingRate().perMinute(5)).to.equal(0)
  })
})
