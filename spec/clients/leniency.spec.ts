import { expect } from 'chai'
import { Leniency } from '../../lib/clients/leniency.ts'
import { POLICIES } from '../model/operations.ts'

const MINUTE = 60_000

describe('Leniency', () => {
  it('doubles with each closing soon after connecting, up to 32 times', () => {
    const leniency = new Leniency()
    const factors = []
    for (let n = 0; n < 8; n++) {
      factors.push(leniency.factor('10.0.0.1', n * 1000))
      expect(leniency.closed('10.0.0.1', 500, n * 1000)).to.equal(n === 0)
    }
    expect(factors).to.deep.equal([1, 2, 4, 8, 16, 32, 32, 32])
    expect(leniency.factor('10.0.0.2', 8000)).to.equal(1)
  })

  it('is for nobody who was connected for long, and does not end then either', () => {
    const leniency = new Leniency()
    expect(leniency.closed('10.0.0.1', MINUTE, 0)).to.equal(false)
    expect(leniency.size).to.equal(0)
    leniency.closed('10.0.0.1', 500, 0)
    leniency.closed('10.0.0.1', 2 * MINUTE, 5 * MINUTE)
    expect(leniency.factor('10.0.0.1', 14 * MINUTE)).to.equal(2)
  })

  it('ends ten minutes after the latest closing; then it is told of again', () => {
    const leniency = new Leniency()
    leniency.closed('10.0.0.1', 500, 0)
    leniency.closed('10.0.0.1', 500, 9 * MINUTE)
    expect(leniency.factor('10.0.0.1', 19 * MINUTE)).to.equal(4)
    expect(leniency.factor('10.0.0.1', 19 * MINUTE + 1)).to.equal(1)
    expect(leniency.closed('10.0.0.1', 500, 20 * MINUTE)).to.equal(true)
    expect(leniency.factor('10.0.0.1', 20 * MINUTE)).to.equal(2)
  })

  it('does not double for others that were connected already', () => {
    const leniency = new Leniency()
    for (let n = 0; n < 5; n++) leniency.closed('10.0.0.1', 500, 1000 + n)
    expect(leniency.factor('10.0.0.1', 2000)).to.equal(2)
  })

  it('remembers a thousand addresses, the latest ones, and those of unknown address as one', () => {
    const leniency = new Leniency()
    for (let n = 0; n < 3000; n++) leniency.closed(`10.0.0.${n}`, 500, n)
    expect(leniency.size).to.equal(1000)
    expect(leniency.factor('10.0.0.1999', 3000)).to.equal(1)
    expect(leniency.factor('10.0.0.2000', 3000)).to.equal(2)
    leniency.closed(undefined, 500, 3000)
    expect(leniency.factor(undefined, 3000)).to.equal(2)
  })

  it('gives a client of such an address longer before it is stalled, until it has caught up', () => {
    const leniency = new Leniency()
    const client = {}
    const limits = POLICIES[0]!
    leniency.closed('10.0.0.1', 500, 0)
    leniency.joined(client, '10.0.0.1', 1000)
    leniency.joined({}, '10.0.0.2', 1000)
    expect(leniency.clients).to.equal(1)
    const longer = { ...limits, stallAfter: 2 * limits.stallAfter }
    expect(leniency.limitsFor(client, limits)).to.deep.equal(longer)
    expect(leniency.limitsFor({}, limits)).to.equal(limits)
    leniency.caughtUp(client, 1000, 1000 + MINUTE)
    expect(leniency.limitsFor(client, limits)).to.deep.equal(longer)
    leniency.caughtUp(client, 1000, 1001 + MINUTE)
    expect(leniency.limitsFor(client, limits)).to.equal(limits)
    expect(leniency.clients).to.equal(0)
  })

  it('remembers no client that has gone', () => {
    const leniency = new Leniency()
    const client = {}
    leniency.closed('10.0.0.1', 500, 0)
    leniency.joined(client, '10.0.0.1', 1000)
    leniency.left(client)
    expect(leniency.clients).to.equal(0)
    leniency.joined(client, '10.0.0.1', 1000)
    leniency.forgetClients()
    expect(leniency.clients).to.equal(0)
    expect(leniency.factor('10.0.0.1', 1000)).to.equal(2)
  })
})
