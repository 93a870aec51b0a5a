import { expect } from 'chai'
import type { SinonFakeTimers } from 'sinon'
import { LATEST, OrderedAnswers } from '../../lib/cluster/ordered-answers.ts'
import { fakeTimers } from '../support/fakes/fake-timers.ts'

/** What is asked, and what became of it, in order. */
function makeAnswers(timers: SinonFakeTimers) {
  const told: string[] = []
  const lates: boolean[] = []
  const answers = new OrderedAnswers({ now: () => timers.now, wall: () => timers.now }, (isFirst) =>
    lates.push(isFirst),
  )
  const ask = (name: string) => {
    const { promise, resolve, reject } = deferred()
    answers.wait(promise).then(
      (value) => told.push(`${name} ${value}`),
      (error: Error) => told.push(`${name} ${error.message}`),
    )
    return { resolve, reject }
  }
  return { ask, told, lates, answers }
}

function deferred() {
  let resolve!: (value: string) => void
  let reject!: (error: Error) => void
  const promise = new Promise<string>((yes, no) => {
    resolve = yes
    reject = no
  })
  return { promise, resolve, reject }
}

describe('OrderedAnswers', () => {
  let timers: SinonFakeTimers

  beforeEach(() => {
    timers = fakeTimers('setTimeout', 'setImmediate')
  })

  afterEach(() => timers.restore())

  const given = `no answer within ${LATEST} ms; not waited for any longer`

  it('passes answers on', async () => {
    const { ask, told, lates } = makeAnswers(timers)
    ask('one').resolve('yes')
    ask('two').reject(new Error('no'))
    await timers.tickAsync(10 * LATEST)
    expect(told).to.deep.equal(['one yes', 'two no'])
    expect(lates).to.deep.equal([])
    expect(timers.countTimers()).to.equal(0)
  })

  it('passes on as it is what is there already, unless an earlier one is waited for', async () => {
    const { ask, answers, told } = makeAnswers(timers)
    for (const answer of [Promise.resolve('yes'), Promise.reject(new Error('no'))]) {
      expect(answers.wait(answer)).to.equal(answer)
      await answer.catch(() => {})
    }
    const first = ask('one')
    ask('two').resolve('yes')
    const there = Promise.resolve('yes')
    expect(answers.wait(there)).not.to.equal(there)
    first.resolve('yes')
    await timers.tickAsync(0)
    expect(told).to.deep.equal(['one yes', 'two yes'])
    expect(answers.wait(there)).to.equal(there)
    expect(timers.countTimers()).to.equal(1)
  })

  it('knows that a silence is over by an answer that is there already', async () => {
    const { ask, answers } = makeAnswers(timers)
    ask('one')
    await timers.tickAsync(LATEST + 1)
    const refused = Promise.reject(new Error('no'))
    expect(answers.wait(refused)).to.equal(refused)
    await refused.catch(() => {})
    expect(answers.silent).to.equal(true)
    const there = Promise.resolve('yes')
    expect(answers.wait(there)).to.equal(there)
    expect(answers.silent).to.equal(false)
  })

  it('keeps the order of the questions, where a later one is refused at once', async () => {
    const { ask, told } = makeAnswers(timers)
    const [one, two] = [ask('one'), ask('two')]
    ask('three').reject(new Error('no'))
    two.resolve('yes')
    await timers.tickAsync(10)
    expect(told).to.deep.equal([])
    one.resolve('yes')
    await timers.tickAsync(0)
    expect(told).to.deep.equal(['one yes', 'two yes', 'three no'])
  })

  it('gives up all at once, in order, when the first has waited for too long', async () => {
    const { ask, told, lates } = makeAnswers(timers)
    ask('one')
    await timers.tickAsync(LATEST / 2)
    ask('two').resolve('yes')
    ask('three')
    await timers.tickAsync(LATEST / 2 - 1)
    expect(told).to.deep.equal([])
    await timers.tickAsync(2)
    expect(told).to.deep.equal([`one ${given}`, 'two yes', `three ${given}`])
    expect(lates).to.deep.equal([true, false])
  })

  it('waits for nothing in a silence, and again when something was answered', async () => {
    const { ask, told, lates, answers } = makeAnswers(timers)
    const first = ask('one')
    await timers.tickAsync(LATEST + 1)
    ask('two')
    await timers.tickAsync(0)
    expect(told).to.deep.equal([`one ${given}`, `two ${given}`])
    expect(answers.silent).to.equal(true)
    first.resolve('at last')
    await timers.tickAsync(0)
    const third = ask('three')
    await timers.tickAsync(LATEST / 2)
    third.resolve('yes')
    await timers.tickAsync(0)
    expect(told.slice(2)).to.deep.equal(['three yes'])
    expect(lates).to.deep.equal([true, false])
  })

  it('gives each the same time', async () => {
    const { ask, told } = makeAnswers(timers)
    ask('one').resolve('yes')
    await timers.tickAsync(LATEST / 2)
    ask('two')
    await timers.tickAsync(LATEST - 1)
    expect(told).to.deep.equal(['one yes'])
    await timers.tickAsync(2)
    expect(told).to.deep.equal(['one yes', `two ${given}`])
  })

  it('takes nothing for late that came while the event loop was held', async () => {
    const { ask, told } = makeAnswers(timers)
    const one = ask('one')
    // the timer is due, and what has arrived is read before setImmediate
    timers.next()
    one.resolve('yes')
    await timers.tickAsync(1)
    expect(told).to.deep.equal(['one yes'])
  })
})
