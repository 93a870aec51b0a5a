import { expect } from 'chai'
import { ShedDeltas } from '../../lib/admin/shed-deltas.ts'
import { rule } from '../support/fakes/envelopes.ts'

describe('ShedDeltas', () => {
  it('have what each rule shed since the call before, and nothing at the first', () => {
    const deltas = new ShedDeltas()
    const [busy, quiet] = [rule(), rule()]
    const shed = (outcome: 'dropped' | 'conflated' | 'expired', bytes: number) =>
      busy.tally.count(outcome, bytes)
    shed('dropped', 100)
    expect(deltas.since([busy, quiet])).to.deep.equal([])
    shed('dropped', 10)
    shed('conflated', 20)
    shed('expired', 30)
    shed('expired', 40)
    const { namespace, event } = busy
    expect(deltas.since([busy, quiet])).to.deep.equal([
      { namespace, event, dropped: 1, conflated: 1, expired: 2, bytes: 100 },
    ])
    expect(deltas.since([busy, quiet])).to.deep.equal([])
  })
})
