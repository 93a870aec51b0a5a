import { expect } from 'chai'
import { PathEstimate } from '../../lib/window/path-estimate.ts'
import type { Proof } from '../../lib/window/proof.ts'

const RTT = 50
const RATE = 100
const BYTES = 4096

/** One message with a marker right behind it, written at once on an idle path. */
function proofOf(at: number, now: number, bytes: number, different: Partial<Proof> = {}): Proof {
  const written = { at, bytes, run: bytes, since: at, ahead: bytes, clear: false, idle: false }
  return { now, ...written, atOnce: false, limited: false, slack: 0, late: 0, ...different }
}

/** A path and the instant of its latest answer. */
class Probed {
  readonly path: PathEstimate
  now: number

  constructor(resolution = 1) {
    this.path = new PathEstimate(resolution)
    this.path.sampleRtt(RTT, true, true, 0)
    this.path.probed(0, RTT)
    this.now = RTT
  }

  /** A message is written now, and its answer comes when a path of such a rate has carried it. */
  answered(bytes: number, rate: number, different: Partial<Proof> = {}): void {
    const at = this.now
    this.now += bytes / rate + RTT
    this.path.sampleRtt(this.now - at, false, false, this.now)
    this.path.sampleRate(proofOf(at, this.now, bytes, different))
  }
}

/** A path whose round trip and rate are known. */
function measured(): Probed {
  const probed = new Probed()
  for (let n = 0; n < 20; n++) probed.answered(BYTES, RATE, { limited: true })
  return probed
}

describe('PathEstimate', () => {
  describe('of the rate', () => {
    it('is that of delivery, without the round trip', () => {
      const { path } = measured()
      expect(path.rate).to.be.closeTo(RATE, 1)
      expect(path.minRtt).to.equal(RTT)
    })

    it('is a lower bound until the path was busy for longer than the resolution', () => {
      const probed = new Probed(25)
      probed.answered(500, RATE)
      const { path } = probed
      expect([path.rate, path.leastRate]).to.deep.equal([undefined, 500 / 25])
    })

    it('leaves out the time in which the path was idle', () => {
      const probed = measured()
      for (let n = 0; n < 20; n++) {
        // two percent of the rate
        probed.now += 1000
        probed.answered(2000, RATE)
      }
      expect(probed.path.rate).to.be.closeTo(RATE, 5)
    })

    it('follows a change both ways, once the path was busy for five round trips and eight answers', () => {
      const probed = measured()
      for (const rate of [4 * RATE, RATE / 4]) {
        const answers = Math.max(8, (5 * RTT * rate) / BYTES)
        for (let n = 0; n < answers; n++) probed.answered(BYTES, rate, { limited: true })
        expect(probed.path.rate, `${rate}`).to.be.within(0.85 * rate, 1.15 * rate)
      }
    })

    it('is lowered by what is waited for only: a late answer may be a delay', () => {
      const slower = (limited: boolean): number => {
        const probed = measured()
        for (let n = 0; n < 5; n++) {
          probed.now += 10_000
          probed.answered(2000, 1, { limited })
        }
        return probed.path.rate!
      }
      expect(slower(false)).to.be.closeTo(RATE, 1)
      expect(slower(true)).to.be.below(RATE / 10)
    })

    it('is not lowered by one late answer on an idle path, but by a second in a row', () => {
      const probed = measured()
      const rates = [1, 1].map((rate) => {
        probed.now += 10_000
        probed.answered(2000, rate, { limited: true })
        return probed.path.rate!
      })
      expect(rates[0]).to.be.closeTo(RATE, 1)
      expect(rates[1]).to.be.below(RATE / 10)
    })

    it('takes no sample from a marker with nothing before it', () => {
      const { path, now } = measured()
      const { rate, answeredAt } = path
      path.sampleRate(proofOf(now, now + 5000, 0, { limited: true }))
      expect(path).to.include({ rate, answeredAt })
    })
  })

  describe('of the round trip', () => {
    it('takes a shorter one at once', () => {
      const { path, now } = measured()
      path.sampleRtt(RTT / 2, false, false, now + 1)
      expect(path).to.include({ rtt: RTT / 2, minRtt: RTT / 2 })
    })

    it('takes a longer one from an idle path only, and after a while', () => {
      const { path, now } = measured()
      path.sampleRtt(90, true, true, now + 1000)
      expect(path, 'it may be a delay').to.include({ rtt: 90, minRtt: RTT })
      const old = now + 20_000
      // the path is thought to be clear, and not known to be idle
      path.sampleRtt(90, true, false, old)
      path.sampleRtt(90, false, false, old)
      expect(path.minRtt).to.equal(RTT)
      path.sampleRtt(120, true, true, old + 1)
      expect(path.minRtt, 'the shortest since').to.equal(90)
    })

    it('begins anew with one that is much longer: it is another path, of an unknown rate', () => {
      const { path, now } = measured()
      path.sampleRtt(500, true, true, now + 20_000)
      expect(path).to.include({ minRtt: 500, rate: undefined, leastRate: 0 })
      expect(path.startUp?.allowed).to.be.at.least(500 * 0.98 * RATE)
    })

    it('is old ten seconds after an answer as early, or earlier, and not before', () => {
      const { path } = new Probed()
      // a quarter of the round trip later confirms it
      path.sampleRtt(1.25 * RTT, true, false, 5000)
      // an answer with something before it does not
      path.sampleRtt(1.25 * RTT, false, false, 9000)
      expect([path.isOld(15_000), path.isOld(15_001)]).to.deep.equal([false, true])
    })
  })

  it('takes what a marker alone on the path is late for noise, and allows a queue of twice that', () => {
    const { path, now } = measured()
    const { allowedQueue } = path
    path.probed(now, now + 1.25 * RTT)
    expect(path.noise, 'as late as any').to.equal(0)
    path.probed(now, now + RTT + 40)
    expect(path.noise).to.equal(40)
    expect(path.allowedQueue).to.equal(allowedQueue + 2 * 40)
  })

  it('is in doubt after an answer later than its noise explains, but not after a late poll', () => {
    const { path, now } = measured()
    path.probed(now, now + RTT + 40)
    const judge = (late: number, atOnce: boolean) =>
      path.judge(proofOf(now, now + RTT + late, 0, { atOnce }))
    judge(80, false)
    expect(path.doubt, 'twice the noise').to.equal(undefined)
    judge(200, true)
    expect(path.doubt, 'a poll').to.equal(undefined)
    judge(81, false)
    expect(path.doubt?.since).to.equal(now + RTT + 81)
  })
})
