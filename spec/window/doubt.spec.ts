import { expect } from 'chai'
import { Doubt, isUnexplained } from '../../lib/window/doubt.ts'

const RTT = 4
/** When the first late answer came. */
const SINCE = 1000

/** A doubt that arose when so many bytes, in four messages, were answered, the last one so late. */
function doubted(bytes: number, late: number): Doubt {
  const doubt = new Doubt(SINCE, 0)
  for (let n = 1; n <= 4; n++) {
    doubt.carries(bytes / 4, late / 4)
    doubt.answered(SINCE - late - RTT, (n * bytes) / 4, (n * late) / 4, (n * late) / 4 + RTT)
  }
  return doubt
}

describe('Doubt', () => {
  it('is over when a marker on an idle path is as late: the path has become longer', () => {
    const doubt = doubted(40_000, 500)
    doubt.marked(0, 0, SINCE)
    expect(doubt.isAsked).to.equal(true)
    expect(doubt.answered(SINCE, 0, 500, 500 + RTT)).to.equal(true)
  })

  it('is not over by what was written before that marker', () => {
    const doubt = doubted(40_000, 500)
    doubt.marked(2000, 0, SINCE + 100)
    expect(doubt.answered(SINCE + 50, 2000, 500, 500 + RTT)).to.equal(false)
    expect(doubt.isAsked).to.equal(true)
    expect(doubt.answered(SINCE + 100, 2000, 500, 500 + RTT)).to.equal(true)
  })

  it('wants a marker with so little before it that a lower rate would not make it late', () => {
    // 40 KB in 500 ms are 80 KB/s, which explain 250 ms of 20 KB
    const doubt = doubted(40_000, 500)
    expect(doubt.slower).to.be.within(70, 80)
    expect(doubt.wantsMarker(20_000)).to.equal(false)
    expect(doubt.wantsMarker(10_000)).to.equal(true)
    doubt.marked(20_000, 20_000, SINCE)
    expect(doubt.isAsked).to.equal(false)
  })

  it('goes on if a lower rate explains the answer', () => {
    const doubt = doubted(40_000, 500)
    doubt.marked(10_000, 10_000, SINCE)
    expect(doubt.answered(SINCE, 10_000, 150, 150 + RTT)).to.equal(false)
    expect(doubt.isAsked).to.equal(false)
  })

  it('takes what is answered in between for a sign of a lower rate yet', () => {
    const doubt = doubted(40_000, 500)
    // thought to have left the path
    doubt.marked(30_000, 0, SINCE)
    doubt.carries(10_000, 2000)
    expect(doubt.answered(SINCE, 30_000, 2000, 2000 + RTT)).to.equal(false)
  })

  it('knows no rate of what ends in one packet, or was answered at one instant', () => {
    for (const [bytes, late] of [
      [1000, 500],
      [40_000, 0],
    ] as const) {
      const doubt = new Doubt(SINCE, 0)
      doubt.carries(bytes, late)
      doubt.answered(SINCE - 1, bytes, 500, 500 + RTT)
      expect(doubt.slower).to.equal(0)
      expect(doubt.wantsMarker(1), 'behind anything').to.equal(false)
      expect(doubt.wantsMarker(0), 'on an idle path').to.equal(true)
    }
  })

  it('tells what the path has carried in a round trip', () => {
    expect(doubted(40_000, 500).carried).to.be.closeTo(40_000 / 504, 1)
  })

  it('holds bytes to explain twice the lateness that they should cause, and a packet', () => {
    expect(isUnexplained(100, 10_000, 300)).to.equal(true)
    expect(isUnexplained(100, 10_000, 200)).to.equal(false)
    expect(isUnexplained(100, 0, 1)).to.equal(true)
    expect(isUnexplained(100, 1, 10)).to.equal(false)
  })
})
