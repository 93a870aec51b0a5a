import { expect } from 'chai'
import { latenessOf, lifetimeOf, longestQueue } from '../../lib/window/tolerances.ts'

describe('Tolerances', () => {
  it('allow a queue of a quarter of the round trip and twice the noise', () => {
    expect(longestQueue(400, 0, 25)).to.equal(100)
    expect(longestQueue(400, 50, 25)).to.equal(200)
  })

  it('allow a queue as long as the event loop may be late on a short path', () => {
    expect(longestQueue(2, 0, 25)).to.equal(25)
    expect(longestQueue(0, 10, 25)).to.equal(25)
  })

  it('take an answer for late beyond a quarter of the round trip, or 5 ms', () => {
    expect(latenessOf(100)).to.equal(25)
    expect(latenessOf(1)).to.equal(5)
  })

  it('believe a round trip for 10 s, or 20 of itself', () => {
    expect(lifetimeOf(100)).to.equal(10_000)
    expect(lifetimeOf(600)).to.equal(12_000)
  })
})
