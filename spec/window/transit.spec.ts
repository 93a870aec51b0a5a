import { expect } from 'chai'
import { DeliveryWindow } from '../../lib/window/delivery-window.ts'

const RTT = 100
/** Bytes a millisecond. */
const RATE = 100

/** With a path that is known. */
function known(): DeliveryWindow {
  const window = new DeliveryWindow()
  window.path.minRtt = RTT
  window.path.rate = RATE
  return window
}

describe('Transit', () => {
  it('knows no queue while the rate is unknown', () => {
    const window = new DeliveryWindow()
    window.written(100_000, 0)
    expect(window.queueDelay(0)).to.equal(0)
  })

  it('adds up the time of what is written, a little slower than the path', () => {
    const window = known()
    window.written(9800, 0)
    expect(window.queueDelay(0)).to.be.closeTo(100, 1e-6)
    window.written(9800, 40)
    expect(window.queueDelay(40)).to.be.closeTo(160, 1e-6)
    expect(window.queueDelay(300)).to.equal(0)
  })

  it('counts from when a message has left the event loop', () => {
    const window = known()
    window.written(9800, 0)
    window.left(9800, 50)
    expect(window.queueDelay(50)).to.be.closeTo(100, 1e-6)
  })

  it('is corrected by each answer', () => {
    const window = known()
    window.written(9800, 0)
    const first = window.marked(0)
    window.written(9800, 0)
    window.marked(0)
    // the first message left the path when its answer set out, which is later than expected
    window.answered(first, 300)
    expect(window.queueDelay(200)).to.be.greaterThan(90)
  })

  it('has overdue answers later than a round trip after the path is clear', () => {
    const window = known()
    window.written(9800, 0)
    window.marked(0)
    expect(window.overdue(200)).to.equal(0)
    expect(window.overdue(260)).to.be.closeTo(60, 1e-6)
    expect(window.unprovenFor(260)).to.equal(160)
  })

  it('tells of an answer that is long overdue, and not of a short delay', () => {
    const window = known()
    window.written(9800, 0)
    window.marked(0)
    expect(window.late(999)).to.equal(undefined)
    expect(window.late(2000)).to.deep.equal({ age: 2000, rate: 4.9 })
    window.blind = true
    expect(window.late(2000)).to.equal(undefined)
  })

  it('takes a client for one that answers no markers after its patience', () => {
    const window = known()
    window.written(100, 0)
    window.marked(0)
    window.heard(1000, 1000)
    expect(window.blind).to.equal(false)
    window.heard(1001, 1000)
    expect(window.blind).to.equal(true)
  })

  it('waits longer for one that has answered others, and for one behind a long message', () => {
    const window = known()
    window.answered(window.marked(0), 100)
    window.written(100, 200)
    window.marked(200)
    window.heard(2200, 1000, 200)
    expect(window.blind).to.equal(false)
    window.heard(2201, 1000, 200)
    expect(window.blind).to.equal(true)

    const slow = new DeliveryWindow()
    slow.written(100_000, 0)
    slow.marked(0)
    expect(slow.longestAnswer).to.equal(50_000)
    slow.heard(50_000, 1000)
    expect(slow.blind).to.equal(false)
  })

  it('takes the wait for the first answer for the round trip, up to a second', () => {
    const window = new DeliveryWindow()
    expect(window.rttSoFar(0)).to.equal(0)
    window.marked(0)
    expect(window.rttSoFar(300)).to.equal(300)
    expect(window.rttSoFar(5000)).to.equal(1000)
    expect(known().rttSoFar(5000)).to.equal(RTT)
  })

  it('gives the path no share of the time in which this process was late for a poll', () => {
    const window = known()
    window.atOnce = true
    window.written(1000, 0)
    window.answered(window.marked(0), 400, 100)
    expect(window.pathShare).to.equal(0.75)
  })
})
