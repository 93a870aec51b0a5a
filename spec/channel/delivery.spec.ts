import { expect } from 'chai'
import { Delivery } from '../../lib/channel/delivery.ts'
import { DeliveryWindow } from '../../lib/window/delivery-window.ts'
import { SMALL_LIMITS } from '../support/fakes/channel-set-up.ts'
import { envelope } from '../support/fakes/envelopes.ts'
import { FakeLink } from '../support/fakes/fake-link.ts'

function deliveryOver(proof: FakeLink['proof'] = 'markers') {
  const link = new FakeLink()
  link.proof = proof
  return { link, delivery: new Delivery(link, new DeliveryWindow(), 0) }
}

describe('Delivery', () => {
  it('counts as unproven what is in flight, or what the transport still has, if that is more', () => {
    const { delivery, link } = deliveryOver()
    delivery.write(envelope(), undefined, 0)
    link.deliver()
    expect([link.outstanding, delivery.unproven]).to.deep.equal([0, 100])
    delivery.window.blind = true
    expect(delivery.unproven).to.equal(0)
  })

  it('says why a message may not go: the link, the window, or nobody knows', () => {
    const { delivery } = deliveryOver()
    const state = (bytes: number, isCosmetic = true) =>
      delivery.stateFor(bytes, isCosmetic, false, SMALL_LIMITS, 0)
    expect(state(100)).to.equal('ready')
    delivery.write(envelope({ bytes: 900 }), undefined, 0)
    expect([state(200), state(100), state(100, false)]).to.deep.equal([
      'blocked',
      'windowed',
      'ready',
    ])
    delivery.window.blind = true
    expect(state(100)).to.equal('blind')
  })

  it('asks for the latency of the first critical message before a marker', () => {
    const { delivery, link } = deliveryOver()
    const latencies: number[] = []
    for (const at of [1, 2]) delivery.write(envelope({ at }), at, 2)
    delivery.markIfDue(false, SMALL_LIMITS, 2)
    delivery.answered(link.marks.at(-1)!, 12, 0, (latency) => latencies.push(latency))
    expect(latencies).to.deep.equal([11])
  })

  it('takes an answer for progress, and one that was not asked for not', () => {
    const { delivery, link } = deliveryOver()
    delivery.write(envelope(), undefined, 0)
    delivery.mark(0)
    expect(delivery.answered(99, 5, 0, () => {})).to.equal(false)
    expect([delivery.progressAt, delivery.sinceProgress(5)]).to.deep.equal([0, 5])
    expect(delivery.answered(link.marks[0]!, 7, 0, () => {})).to.equal(true)
    expect([delivery.progressAt, delivery.sinceProgress(9)]).to.deep.equal([7, 0])
    expect([delivery.hasTaken(0, 0), delivery.hasTaken(0, 1)]).to.deep.equal([true, false])
  })

  it('says how long a proof is owed only from when it was asked for', () => {
    const { delivery } = deliveryOver()
    delivery.write(envelope(), undefined, 0)
    expect([delivery.sinceProgress(100), delivery.stalledFor(100)]).to.deep.equal([100, 0])
    delivery.mark(100)
    expect(delivery.stalledFor(150)).to.equal(50)
    const polling = deliveryOver('itself').delivery
    polling.write(envelope(), undefined, 0)
    expect(polling.stalledFor(150)).to.equal(150)
  })

  it('excuses a client once for as long as an upgrade may take, however often it tries', () => {
    const { delivery, link } = deliveryOver()
    link.upgrading = true
    expect([delivery.isExcused(0), delivery.isExcused(9999)]).to.deep.equal([true, true])
    link.upgrading = false
    expect(delivery.isExcused(9999)).to.equal(false)
    link.upgrading = true
    expect([delivery.isExcused(10_000), delivery.excusedAt]).to.deep.equal([false, 9999])
  })

  it('writes no marker where the transport proves by itself what has arrived', () => {
    const { delivery, link } = deliveryOver('itself')
    delivery.write(envelope(), undefined, 0)
    delivery.mark(0)
    expect(link.marks).to.deep.equal([])
  })

  it('asks anew when another transport took over while an answer is waited for', () => {
    const { delivery, link } = deliveryOver()
    delivery.write(envelope(), undefined, 0)
    delivery.mark(0)
    delivery.upgraded(5)
    expect(link.marks).to.deep.equal([1, 2])
    link.proof = 'none'
    delivery.upgraded(9)
    expect([delivery.window.blind, link.marks.length]).to.deep.equal([true, 2])
  })

  it('takes a client for blind that answers heartbeats from behind a marker, and not the marker', () => {
    const { delivery } = deliveryOver()
    delivery.write(envelope(), undefined, 0)
    delivery.mark(0)
    delivery.heartbeat(false, 40_000)
    expect(delivery.window.blind).to.equal(false)
    delivery.heartbeat(true, 80_000)
    expect(delivery.window.blind).to.equal(true)
  })
})
