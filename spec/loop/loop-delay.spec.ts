import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { systemClock } from '../../lib/base/clock.ts'
import { LoopDelay } from '../../lib/loop/loop-delay.ts'

function block(millis: number): void {
  const until = performance.now() + millis
  while (performance.now() < until) {}
}

describe('LoopDelay', () => {
  it('is at least how long the loop was blocked', async () => {
    const delay = new LoopDelay(systemClock)
    await sleep(20)
    setImmediate(() => block(100))
    await sleep(1)
    expect(delay.at(performance.now())).to.be.at.least(100)
  })

  it('leaves out the time in which the loop was idle', async () => {
    const delay = new LoopDelay(systemClock)
    await sleep(2000)
    expect(delay.at(performance.now())).to.be.below(1900)
  })

  it('grows within a turn, and begins again with the next poll', async () => {
    const delay = new LoopDelay(systemClock)
    block(50)
    const before = delay.at(performance.now())
    block(50)
    const after = delay.at(performance.now())
    expect(after).to.be.at.least(before + 50)
    await sleep(2000)
    expect(delay.at(performance.now())).to.be.below(after + 1900)
  })
})
