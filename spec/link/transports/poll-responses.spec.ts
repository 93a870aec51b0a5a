import { EventEmitter } from 'node:events'
import { expect } from 'chai'
import { OpenResponses } from '../../../lib/link/transports/poll-responses.ts'

/** Node's response to a poll, of which the kernel has taken nothing yet. */
class Response extends EventEmitter {
  writableFinished = false
  destroyed = false

  take(): void {
    this.writableFinished = true
    this.emit('close')
  }

  destroy(): void {
    this.destroyed = true
    this.emit('close')
  }
}

describe('OpenResponses', () => {
  function open(count: number) {
    const responses = Array.from({ length: count }, () => new Response())
    const all = new OpenResponses()
    for (const response of responses) all.add(response)
    return { all, responses }
  }

  it('are taken when the kernel has the last of them, in whatever order', () => {
    const { all, responses } = open(3)
    for (const index of [2, 0, 1]) {
      expect(all.areTaken).to.equal(false)
      responses[index]!.take()
    }
    expect(all.areTaken).to.equal(true)
    expect(new OpenResponses().areTaken).to.equal(true)
  })

  it('count one that was destroyed as taken: nobody waits for it', () => {
    const { all, responses } = open(1)
    responses[0]!.destroy()
    expect(all.areTaken).to.equal(true)
  })

  it('have a response once that is added again', () => {
    const { all, responses } = open(1)
    all.add(responses[0]!)
    let told = 0
    all.whenTaken(() => told++)
    expect(responses[0]!.listenerCount('close')).to.equal(1)
    responses[0]!.take()
    expect(told).to.equal(1)
  })

  it('tell once when all are taken, not before', () => {
    const { all, responses } = open(2)
    let told = 0
    all.whenTaken(() => told++)
    responses[0]!.take()
    expect(told).to.equal(0)
    responses[1]!.take()
    responses[1]!.emit('close')
    expect(told).to.equal(1)
  })

  it('destroy what is not taken, leave what is, and tell then', () => {
    const { all, responses } = open(2)
    responses[0]!.take()
    let told = 0
    all.whenTaken(() => told++)
    all.destroy()
    expect(responses.map(({ destroyed }) => destroyed)).to.deep.equal([false, true])
    expect(told).to.equal(1)
  })

  it('tell nobody after their release', () => {
    const { all, responses } = open(1)
    let told = 0
    all.whenTaken(() => told++)
    all.release()
    responses[0]!.take()
    expect(told).to.equal(0)
    expect(responses[0]!.destroyed).to.equal(false)
  })
})
