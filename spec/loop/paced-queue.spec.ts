import { once } from 'node:events'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { expect } from 'chai'
import { PacedQueue } from '../../lib/loop/paced-queue.ts'
import { fakeClock } from '../support/fakes/fake-clock.ts'

describe('PacedQueue', () => {
  function makePace() {
    const clock = fakeClock()
    return { clock, pace: new PacedQueue(clock), done: [] as number[] }
  }

  it('does what comes alone in the same turn, though not inside the call', async () => {
    const { pace, done } = makePace()
    pace.add(() => done.push(1))
    expect(done).to.deep.equal([])
    await nextTurn()
    expect(done).to.deep.equal([1])
  })

  it('does four milliseconds of what comes at once in each turn, in order', async () => {
    const { pace, clock, done } = makePace()
    for (let n = 0; n < 10; n++) {
      pace.add(() => {
        done.push(n)
        clock.advance(1)
      })
    }
    for (const most of [4, 8, 10]) {
      await nextTurn()
      expect(done).to.deep.equal(Array.from({ length: most }, (_, n) => n))
    }
  })

  it('does one in each turn, however long it takes', async () => {
    const { pace, clock, done } = makePace()
    for (let n = 0; n < 3; n++) {
      pace.add(() => {
        done.push(n)
        clock.advance(50)
      })
    }
    for (const count of [1, 2, 3]) {
      await nextTurn()
      expect(done).to.have.length(count)
    }
  })

  it('counts what follows in microtasks as part of it', async () => {
    const { pace, clock, done } = makePace()
    for (let n = 0; n < 4; n++) {
      pace.add(async () => {
        await undefined
        clock.advance(2)
        done.push(n)
      })
    }
    await nextTurn()
    expect(done).to.deep.equal([0, 1])
  })

  it('tells each how long it has waited', async () => {
    const { pace, clock, done } = makePace()
    pace.add((waited) => {
      done.push(waited)
      clock.advance(7)
    })
    clock.advance(5)
    pace.add((waited) => done.push(waited))
    await nextTurn()
    await nextTurn()
    expect(done).to.deep.equal([5, 7])
  })

  it('holds no more than twice what waits, however long something always does', async () => {
    const { pace, clock, done } = makePace()
    const add = () =>
      pace.add(() => {
        done.push(pace.slots)
        clock.advance(1)
        if (done.length < 1000) add()
      })
    for (let n = 0; n < 10; n++) add()
    while (done.length < 1000) await nextTurn()
    expect(Math.max(...done)).to.be.within(10, 20)
  })

  it('lets nobody else wait for one that throws, and hides no error', async () => {
    const { pace, done } = makePace()
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    try {
      const thrown = once(process, 'uncaughtException')
      pace.add(() => {
        throw new Error('of the application')
      })
      pace.add(() => done.push(1))
      expect(String((await thrown)[0])).to.include('of the application')
    } finally {
      for (const each of listeners) process.on('uncaughtException', each)
    }
    await nextTurn()
    expect(done).to.deep.equal([1])
  })
})
