import { expect } from 'chai'
import { Noise } from '../../lib/window/noise.ts'
import { PACKET } from '../../lib/window/start-up.ts'

const RATE = 100
const BYTES = 1000
/** Milliseconds that the path needs for so many bytes. */
const LASTS = BYTES / RATE
/** A message ends somewhere in a packet: so much is no noise. */
const PACKET_LASTS = PACKET / RATE

/** Answers that come so many milliseconds later than the path needs, after the one before. */
function heard(lateness: readonly number[], { rested = false, slack = 0 } = {}): Noise {
  const noise = new Noise()
  for (const late of lateness) {
    noise.answered(BYTES, LASTS + late, RATE, rested, slack, LASTS + Math.max(0, late))
  }
  return noise
}

describe('Noise', () => {
  it('is what was late and is made up for', () => {
    // held back for 80 ms, then all at one instant
    const bunch = [80, ...Array(8).fill(-LASTS)]
    expect(heard([0, ...bunch, ...bunch]).value).to.be.within(45, 80 - PACKET_LASTS)
  })

  it('is not a queue, which stays', () => {
    expect(heard([0, 80, 0, 0, 0, 0, 0, 0]).value).to.equal(0)
  })

  it('is not a rate that has dropped, nor the small swings of its estimate afterwards', () => {
    const dropped = Array(20).fill(9 * LASTS)
    expect(heard([0, ...dropped, -20, 10, -20, 0, 0]).value).to.equal(0)
  })

  it('is not a rate that has risen', () => {
    expect(heard([0, ...Array(20).fill(-0.9 * LASTS)]).value).to.equal(0)
  })

  it('is found where one message is in flight at a time, too', () => {
    expect(heard([5, 90, 10, 85, 0, 95], { rested: true }).value).to.be.within(
      60,
      95 - PACKET_LASTS,
    )
  })

  it('is not what a queue before a rest has left', () => {
    const noise = heard([0, 80, 0, 0])
    noise.answered(BYTES, LASTS, RATE, true, 0, 100)
    noise.answered(BYTES, LASTS, RATE, true, 0, 100)
    expect(noise.value).to.equal(0)
  })

  it('leaves out what an answer may have waited elsewhere', () => {
    const noise = new Noise()
    for (let n = 0; n < 5; n++) {
      noise.answered(BYTES, LASTS + 50, RATE, false, 50, 60)
      noise.answered(BYTES, LASTS - 50, RATE, false, 0, 10)
    }
    expect(noise.value).to.be.below(1)
  })

  it('is a second at most, and is forgotten within minutes', () => {
    const noise = new Noise()
    noise.grow(5000)
    expect(noise.value).to.equal(1000)
    noise.shrink(400)
    expect(noise.value).to.equal(600)
    noise.answered(BYTES, LASTS, RATE, true, 0, 120_000)
    expect(noise.value).to.be.below(60)
  })
})
