import { expect } from 'chai'
import type sinon from 'sinon'
import { WakeTimers } from '../../lib/clients/wake-timers.ts'
import { fakeTimers } from '../support/fakes/fake-timers.ts'

describe('WakeTimers', () => {
  let timers: sinon.SinonFakeTimers
  let woken: Array<[key: string, at: number]>
  let wakes: WakeTimers<string>

  beforeEach(() => {
    timers = fakeTimers('setTimeout', 'clearTimeout')
    woken = []
    const clock = { now: () => timers.now, wall: () => timers.now }
    wakes = new WakeTimers(clock, (key) => woken.push([key, timers.now]))
  })

  afterEach(() => {
    expect(timers.countTimers(), 'left').to.equal(0)
    timers.restore()
  })

  it('wakes each key once, at its instant', () => {
    wakes.wake('a', 30)
    wakes.wake('b', 20)
    expect(wakes.size).to.equal(2)
    timers.tick(100)
    expect(woken).to.deep.equal([
      ['b', 20],
      ['a', 30],
    ])
    expect(wakes.size).to.equal(0)
  })

  it('wakes for the earliest instant asked for, whichever was asked for first', () => {
    wakes.wake('a', 30)
    wakes.wake('a', 10)
    wakes.wake('a', 20)
    expect([wakes.size, timers.countTimers()]).to.deep.equal([1, 1])
    timers.tick(100)
    expect(woken).to.deep.equal([['a', 10]])
  })

  it('does not wake before an instant between two milliseconds', () => {
    wakes.wake('a', 10.2)
    timers.tick(10)
    expect(woken).to.deep.equal([])
    timers.tick(1)
    expect(woken).to.deep.equal([['a', 11]])
  })

  it('can be asked again by what it wakes', () => {
    const again = new WakeTimers<string>({ now: () => timers.now, wall: () => 0 }, (key) => {
      woken.push([key, timers.now])
      if (timers.now < 20) again.wake(key, timers.now + 10)
    })
    again.wake('a', 10)
    timers.tick(100)
    expect(woken).to.deep.equal([
      ['a', 10],
      ['a', 20],
    ])
  })

  it('wakes nobody who was deleted, and nobody after all were cleared', () => {
    for (const key of ['a', 'b', 'c']) wakes.wake(key, 10)
    wakes.delete('a')
    wakes.delete('unknown')
    expect([wakes.size, timers.countTimers()]).to.deep.equal([2, 2])
    wakes.clear()
    expect([wakes.size, timers.countTimers()]).to.deep.equal([0, 0])
    timers.tick(100)
    expect(woken).to.deep.equal([])
  })

  it('keeps no process alive', () => {
    timers.restore()
    const keeping = () =>
      process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length
    const before = keeping()
    const real = new WakeTimers<string>({ now: () => 0, wall: () => 0 }, () => {})
    real.wake('a', 60_000)
    const after = keeping()
    real.clear()
    timers = fakeTimers('setTimeout', 'clearTimeout')
    expect(after).to.equal(before)
  })
})
