import { expect } from 'chai'
import { showPending, showsPending } from '../../../lib/link/direct/pending-bytes.ts'

/** `bufferedAmount` is a getter of its class, as in `ws`. */
class FakeWs {
  inStream = 10

  get bufferedAmount(): number {
    return this.inStream
  }
}

describe('showPending', () => {
  it("adds to what waits in the socket's stream, until there is nothing", () => {
    const ws = new FakeWs()
    showPending(ws, 100)
    expect(ws.bufferedAmount).to.equal(110)
    ws.inStream = 20
    showPending(ws, 50)
    expect(ws.bufferedAmount).to.equal(70)
    expect(showsPending(ws)).to.equal(true)
    showPending(ws, 0)
    expect(ws.bufferedAmount).to.equal(20)
    expect(showsPending(ws)).to.equal(false)
  })

  it('leaves nothing behind, and nothing to be listed meanwhile', () => {
    const ws = new FakeWs()
    const before = Object.getOwnPropertyDescriptors(ws)
    showPending(ws, 100)
    expect(Object.keys(ws)).to.deep.equal(['inStream'])
    showPending(ws, 0)
    expect(Object.getOwnPropertyDescriptors(ws)).to.deep.equal(before)
  })

  it("leaves somebody else's as it is", () => {
    const ws = new FakeWs()
    const theirs = { get: () => 7, configurable: true }
    Object.defineProperty(ws, 'bufferedAmount', theirs)
    showPending(ws, 100)
    expect(ws.bufferedAmount).to.equal(7)
    expect(showsPending(ws)).to.equal(false)
    showPending(ws, 0)
    expect(ws.bufferedAmount).to.equal(7)
  })
})
