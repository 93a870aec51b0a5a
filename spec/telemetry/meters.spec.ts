import { expect } from 'chai'
import { BUFFERED_BUCKETS, Meters } from '../../lib/telemetry/meters.ts'
import { watermarks } from '../../schemas/watermarks.ts'

describe('Meters', () => {
  it('tell what is buffered from the default watermarks, and from twice `high`', () => {
    const { low, high, limit } = watermarks.parse({})
    expect(BUFFERED_BUCKETS).to.include.members([low, high, 2 * high, limit])
  })

  it('have buckets in order, from fast to slow and from small to large', () => {
    const { buffered, latency, rtt, rate } = new Meters()
    for (const { bounds } of [buffered, latency, rtt, rate]) {
      expect(bounds).to.deep.equal([...new Set(bounds)].sort((a, b) => a - b))
    }
  })

  it('record a latency by a function that can be passed on', () => {
    const meters = new Meters()
    const { onLatency } = meters
    onLatency(30)
    onLatency(70)
    expect(meters.latency).to.include({ count: 2, sum: 100 })
    expect(meters.rtt).to.include({ count: 0, sum: 0 })
    expect(new Meters().latency.count, "of each Spillway's own").to.equal(0)
  })
})
