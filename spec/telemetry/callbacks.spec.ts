import { setImmediate as turn } from 'node:timers/promises'
import { expect } from 'chai'
import { Callbacks, guard } from '../../lib/telemetry/callbacks.ts'
import { fakeTimers } from '../support/fakes/fake-timers.ts'

const fails = (error: Error): never => {
  throw error
}

/** A promise, and what settles it. */
function pending() {
  let resolve = (): void => {}
  let reject = (_reason: unknown): void => {}
  const promise = new Promise<void>((...settle) => {
    ;[resolve, reject] = settle
  })
  return { promise, resolve, reject }
}

describe('Callbacks', () => {
  it('run after the current call in their order, and one that causes another not in the same turn', async () => {
    const callbacks = new Callbacks()
    const order: string[] = []
    const again = (): void => {
      order.push('first')
      callbacks.later(() => order.push('caused'), fails)
    }
    callbacks.later(again, fails)
    callbacks.later(() => order.push('second'), fails)
    order.push('returned')
    await turn()
    expect(order).to.deep.equal(['returned', 'first', 'second'])
    await turn()
    expect(order.at(-1)).to.equal('caused')
  })

  it('are idle when none is scheduled and none is running, also after one that failed', async () => {
    const callbacks = new Callbacks()
    const failed: string[] = []
    const { promise, reject } = pending()
    callbacks.later(
      () => promise,
      ({ message }) => failed.push(message),
    )
    expect(callbacks).to.include({ scheduled: 1, running: 0, idle: false })
    await turn()
    expect(callbacks).to.include({ scheduled: 0, running: 1, idle: false })
    reject(new Error('no'))
    await turn()
    expect(callbacks).to.include({ scheduled: 0, running: 0, idle: true })
    expect(failed).to.deep.equal(['no'])
  })

  it('tell a listener of each change, until it is removed', async () => {
    const callbacks = new Callbacks()
    const idle: boolean[] = []
    const stop = callbacks.onChange(() => idle.push(callbacks.idle))
    callbacks.later(async () => {}, fails)
    await turn()
    await turn()
    expect(idle).to.deep.equal([false, true])
    stop()
    callbacks.later(() => {}, fails)
    await turn()
    expect(idle).to.have.length(2)
  })

  describe('#settled', () => {
    it('waits for all that run, and for what these schedule', async () => {
      const callbacks = new Callbacks()
      const { promise, resolve } = pending()
      let isSettled = false
      await callbacks.settled(60_000)
      callbacks.later(() => promise.then(() => callbacks.later(() => {}, fails)), fails)
      const settled = callbacks.settled(60_000).then(() => {
        isSettled = true
      })
      await turn()
      expect(isSettled).to.equal(false)
      resolve()
      await settled
      expect(callbacks.idle).to.equal(true)
    })

    it('waits no longer than it is told, and leaves no timer behind', async () => {
      const clock = fakeTimers('setTimeout', 'clearTimeout')
      try {
        const callbacks = new Callbacks()
        callbacks.later(() => new Promise(() => {}), fails)
        let isSettled = false
        const settled = callbacks.settled(500).then(() => {
          isSettled = true
        })
        await clock.tickAsync(499)
        expect(isSettled).to.equal(false)
        await clock.tickAsync(1)
        await settled
        const quick = new Callbacks()
        quick.later(() => {}, fails)
        await quick.settled(500)
        expect(clock.countTimers()).to.equal(0)
      } finally {
        clock.restore()
      }
    })
  })
})

describe('guard', () => {
  it('returns a promise that never rejects, or nothing where the callback returned none', async () => {
    const failed: string[] = []
    const run = (callback: () => unknown) => guard(callback, ({ message }) => failed.push(message))
    expect(run(() => 5)).to.equal(undefined)
    expect(run(() => fails(new Error('thrown')))).to.equal(undefined)
    await run(() => Promise.reject(new Error('rejected')))
    // biome-ignore lint/suspicious/noThenProperty: a promise of another library
    await run(() => ({ then: (_: unknown, reject: (reason: string) => void) => reject('text') }))
    expect(failed).to.deep.equal(['thrown', 'rejected', '"text"'])
  })
})
