import { expect } from 'chai'
import { type Conduct, EmergencyAllowance } from '../../lib/channel/emergency-allowance.ts'

const EMERGENCY = 1000
const TAKING: Conduct = {
  progressAt: 0,
  patience: 80,
  giveUp: 1000,
  hasTaken: true,
  isEarly: false,
}

describe('EmergencyAllowance', () => {
  it('does not count what comes in the turn in which the client had caught up', () => {
    const allowance = new EmergencyAllowance(0, 0, 1, 600)
    for (let n = 1; n <= 10; n++) {
      expect(allowance.covers(600 + n * 1000, 1000, 1, EMERGENCY)).to.equal(true)
    }
    // 10,600 bytes, and 1,000 that count
    expect(allowance.covers(11_600, 1000, 2, EMERGENCY)).to.equal(true)
    expect(allowance.covers(11_601, 1, 3, EMERGENCY)).to.equal(false)
  })

  it('lets nobody grow who has taken nothing since, unless that can not be known yet', () => {
    const allowance = new EmergencyAllowance(0, 0, 1, 0)
    const silent = { ...TAKING, hasTaken: false }
    expect(allowance.grow(2000, silent, 10)).to.equal(false)
    expect(allowance.grow(2000, { ...silent, isEarly: true }, 10)).to.equal(true)
    expect(allowance.exempt).to.equal(0)
  })

  it('lets one grow that takes something now', () => {
    const allowance = new EmergencyAllowance(0, 0, 1, 0)
    expect(allowance.grow(2000, { ...TAKING, progressAt: 10 }, 10)).to.equal(true)
    expect(allowance.covers(3000, 1000, 2, EMERGENCY)).to.equal(true)
    expect(allowance.covers(3001, 1, 2, EMERGENCY)).to.equal(false)
    expect(allowance.grow(3001, { ...TAKING, progressAt: 10 }, 89)).to.equal(true)
    expect(allowance.grow(4002, { ...TAKING, progressAt: 10 }, 90)).to.equal(false)
    expect(allowance.grow(4002, { ...TAKING, progressAt: 90 }, 200)).to.equal(true)
  })

  it('gives one up that takes less than it is sent, until it has less than counts', () => {
    const allowance = new EmergencyAllowance(0, 0, 1, 0)
    let total = 2000
    for (let now = 0; now <= 1000; now += 50) {
      expect(allowance.grow(total, { ...TAKING, progressAt: now }, now)).to.equal(true)
      total += 2000
    }
    expect(allowance.grow(total, { ...TAKING, progressAt: 1050 }, 1050)).to.equal(false)
    expect(allowance.covers(900, 100, 2, EMERGENCY)).to.equal(true)
    expect(allowance.grow(total, { ...TAKING, progressAt: 1100 }, 1100)).to.equal(true)
  })
})
