import { setTimeout as sleep } from 'node:timers/promises'
import { expect } from 'chai'
import { LoopOverload } from '../../lib/admission/loop-overload.ts'
import { systemClock } from '../../lib/base/clock.ts'
import { fakeClock } from '../support/fakes/fake-clock.ts'
import { eventually } from '../support/servers/server.ts'

const INTERVAL = 20

describe('LoopOverload', () => {
  /** A loop that is on time, but for the blocks. */
  function makeLoop(threshold: number) {
    const clock = fakeClock()
    const lateness = new LoopOverload(threshold, clock)
    return {
      lateness,
      clock,
      /** The loop turns for so long, and its timer is on time. */
      run(millis: number): void {
        for (let passed = 0; passed < millis; passed += INTERVAL) {
          clock.advance(INTERVAL)
          lateness.probe()
        }
      },
      /** One turn takes so long. */
      block(millis: number): void {
        clock.advance(INTERVAL + millis)
        lateness.probe()
      },
    }
  }

  it('is not there while the loop is on time', () => {
    const { lateness, run } = makeLoop(50)
    for (let n = 0; n < 100; n++) {
      run(INTERVAL)
      expect(lateness.late).to.equal(false)
    }
  })

  it('does not come of a broadcast now and then', () => {
    const { lateness, run, block } = makeLoop(50)
    for (let n = 0; n < 20; n++) {
      block(100)
      expect(lateness.late).to.equal(false)
      run(400)
    }
  })

  it('comes of turns that take long one after the other', () => {
    const { lateness, block } = makeLoop(50)
    for (let n = 0; n < 20; n++) block(80)
    expect(lateness.late).to.equal(true)
  })

  it('comes of a single turn that takes very long, before it has ended', () => {
    const { lateness, clock, run } = makeLoop(50)
    run(1000)
    clock.advance(100)
    expect(lateness.late).to.equal(false)
    clock.advance(200)
    expect(lateness.late).to.equal(true)
  })

  it('stays until the average is below half of the threshold', () => {
    const { lateness, block, run } = makeLoop(50)
    for (let n = 0; n < 50; n++) block(60)
    expect(lateness.late).to.equal(true)
    for (let n = 0; n < 50; n++) block(30)
    expect(lateness.late).to.equal(true)
    for (let n = 0; n < 50; n++) block(20)
    expect(lateness.late).to.equal(false)
    for (let n = 0; n < 50; n++) block(45)
    expect(lateness.late).to.equal(false)
    run(100)
    expect(lateness.late).to.equal(false)
  })

  it('is over within two seconds after a stop of whatever length', () => {
    const { lateness, block, run } = makeLoop(50)
    block(3_600_000)
    expect(lateness.late).to.equal(true)
    run(500)
    expect(lateness.late).to.equal(true)
    run(1500)
    expect(lateness.late).to.equal(false)
  })

  it('is measured by a timer, until it is closed', async () => {
    const lateness = new LoopOverload(10, systemClock)
    lateness.start()
    await sleep(50)
    for (const until = performance.now() + 400; performance.now() < until; );
    expect(lateness.late).to.equal(true)
    await eventually(() => !lateness.late)
    lateness.close()
  })
})
