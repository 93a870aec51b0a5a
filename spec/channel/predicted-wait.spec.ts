import { expect } from 'chai'
import { Delivery } from '../../lib/channel/delivery.ts'
import { Lanes } from '../../lib/channel/lanes.ts'
import { pathDelay, rttOf, waitOf } from '../../lib/channel/predicted-wait.ts'
import { HeldBytes } from '../../lib/message/held-bytes.ts'
import { DeliveryWindow } from '../../lib/window/delivery-window.ts'
import { cosmetic, critical } from '../support/fakes/channel-set-up.ts'
import { FakeLink } from '../support/fakes/fake-link.ts'
import { measured } from '../support/fakes/measured-window.ts'

const UNKNOWN = { critical: null, cosmetic: null }

/** The way to a client, and what waits for it: 1000 bytes of critical messages and 500 of cosmetic ones. */
function setUp(proof: FakeLink['proof'] = 'markers', window = new DeliveryWindow(), now = 0) {
  const link = new FakeLink()
  link.proof = proof
  const delivery = new Delivery(link, window, now)
  const lanes = new Lanes(new HeldBytes())
  lanes.push(critical(1000), undefined)
  lanes.push(cosmetic(500), undefined)
  return { delivery, lanes }
}

/** The same of a client with a round trip of 50 ms and a rate of 100 bytes a millisecond. */
function setUpMeasured() {
  const { window, now } = measured(50, 100)
  return { ...setUp('markers', window, now), now, rate: window.path.rate! }
}

describe('Predicted wait', () => {
  it('is unknown as long as nothing was measured and no answer is overdue', () => {
    const { delivery, lanes } = setUp()
    delivery.write(critical(2000), undefined, 0)
    delivery.mark(0)
    expect(waitOf(delivery, lanes, 999)).to.deep.equal(UNKNOWN)
    expect(pathDelay(delivery, 999)).to.equal(0)
  })

  it('is the time that the messages before it take, critical ones before cosmetic ones', () => {
    const { delivery, lanes, now, rate } = setUpMeasured()
    const wait = waitOf(delivery, lanes, now)
    expect(wait.critical).to.be.closeTo(1000 / rate, 1e-6)
    expect(wait.cosmetic).to.be.closeTo(1500 / rate, 1e-6)
  })

  it('begins behind what is queued on the path', () => {
    const { delivery, lanes, now, rate } = setUpMeasured()
    delivery.write(critical(20_000), undefined, now)
    const delay = pathDelay(delivery, now)
    expect(delay).to.be.closeTo(200, 20)
    expect(waitOf(delivery, lanes, now).critical).to.be.closeTo(delay + 1000 / rate, 1e-6)
  })

  it('grows with the age of an overdue answer, also where nothing was ever answered', () => {
    const { delivery, lanes } = setUp()
    delivery.write(critical(2000), undefined, 0)
    delivery.mark(0)
    // at most 2000 bytes in so long
    expect(waitOf(delivery, lanes, 4000)).to.deep.equal({
      critical: 4000 + 1000 / 0.5,
      cosmetic: 4000 + 1500 / 0.5,
    })
    expect(pathDelay(delivery, 4000)).to.equal(4000)
    expect(waitOf(delivery, lanes, 8000).critical).to.equal(8000 + 1000 / 0.25)
  })

  it('is at least the age of an overdue answer, with nothing in flight', () => {
    const { delivery } = setUp()
    delivery.mark(0)
    expect(pathDelay(delivery, 4000)).to.equal(4000)
  })

  it('leaves a measured rate for that of an overdue answer, which is lower', () => {
    const { delivery, lanes, now } = setUpMeasured()
    delivery.write(critical(2000), undefined, now)
    delivery.mark(now)
    const wait = waitOf(delivery, lanes, now + 4000)
    expect(wait.critical).to.be.closeTo(4000 + 1000 / 0.5, 1)
  })

  it('of a client that answers no markers follows from what its kernel does not take', () => {
    const { delivery, lanes } = setUp('none')
    delivery.write(critical(2000), undefined, 0)
    expect(waitOf(delivery, lanes, 999)).to.deep.equal(UNKNOWN)
    expect(waitOf(delivery, lanes, 4000)).to.deep.equal({
      critical: 4000 + 1000 / 0.5,
      cosmetic: 4000 + 1500 / 0.5,
    })
  })
})

describe('rttOf', () => {
  it('is the latest round trip, or the age of the open marker, if that is more', () => {
    const { delivery, now } = setUpMeasured()
    expect(rttOf(delivery, now)).to.equal(delivery.window.path.rtt)
    delivery.write(critical(), undefined, now)
    delivery.mark(now)
    expect(rttOf(delivery, now + 10)).to.equal(delivery.window.path.rtt)
    expect(rttOf(delivery, now + 3000)).to.equal(3000)
  })

  it('is unknown for a client that answers no markers, also while one is open', () => {
    const { delivery } = setUp()
    delivery.write(critical(), undefined, 0)
    delivery.mark(0)
    expect(rttOf(delivery, 500)).to.equal(500)
    delivery.window.blind = true
    expect(rttOf(delivery, 500)).to.equal(undefined)
  })
})
