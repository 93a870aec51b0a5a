import { expect } from 'chai'
import { Histogram } from '../../lib/base/histogram.ts'

describe('Histogram', () => {
  it('counts a value in the first bucket whose bound is not below it', () => {
    const histogram = new Histogram([1, 10])
    for (const value of [0, 1, 1.5, 10, 11, 1000]) histogram.record(value)
    expect(histogram.counts).to.deep.equal([2, 2, 2])
    expect(histogram.count).to.equal(6)
    expect(histogram.sum).to.equal(1023.5)
  })
})
