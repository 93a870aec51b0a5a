import { expect } from 'chai'
import { hasComeBack, RecentClosings } from '../../lib/telemetry/recent-closings.ts'

const MINUTE = 60_000

describe('RecentClosings', () => {
  it('has the latest of each for ten minutes', () => {
    const closings = new RecentClosings<{ at: number }>()
    closings.set('a', { at: 0 })
    closings.set('a', { at: MINUTE })
    closings.set('b', { at: 2 * MINUTE })
    expect(closings.size).to.equal(2)
    expect(closings.of('a', 11 * MINUTE)).to.deep.equal({ at: MINUTE })
    expect(closings.of('a', 11 * MINUTE + 1)).to.equal(undefined)
    expect(closings.of('b', 11 * MINUTE + 1)).to.deep.equal({ at: 2 * MINUTE })
    expect(closings.of('nobody', 0)).to.equal(undefined)
  })

  it('forgets whose latest was first, when there are more than a thousand', () => {
    const closings = new RecentClosings<{ at: number }>()
    for (let n = 0; n < 1000; n++) closings.set(`user ${n}`, { at: n })
    closings.set('user 0', { at: 1000 })
    closings.set('one more', { at: 1001 })
    expect(closings.size).to.equal(1000)
    expect(closings.of('user 0', 1001)).to.deep.equal({ at: 1000 })
    expect(closings.of('user 1', 1001)).to.equal(undefined)
    expect(closings.of('user 2', 1001)).to.deep.equal({ at: 2 })
  })

  it('tell one that has come back from one that was connected beside it', () => {
    expect(hasComeBack({ at: 100 }, 50, 150)).to.equal(true)
    expect(hasComeBack({ at: 100 }, 51, 150)).to.equal(false)
  })
})
