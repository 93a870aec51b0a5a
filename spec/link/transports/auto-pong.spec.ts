import { expect } from 'chai'
import { pinged, unguardPongs } from '../../../lib/link/transports/auto-pong.ts'

/** A WebSocket that answers pings as `ws` does, and whose kernel takes an answer when it is told. */
class FakeWs {
  bufferedAmount = 0
  _autoPong = true
  readonly sent: string[] = []
  readonly #underWay: Array<() => void> = []

  pong(payload: Buffer, mask: boolean, callback: () => void): void {
    expect(mask, 'a server does not mask').to.equal(false)
    this.sent.push(String(payload))
    this.#underWay.push(callback)
  }

  ping(payload: string, plain = false): void {
    if (this._autoPong) this.sent.push(payload)
    pinged(this, Buffer.from(payload), plain)
  }

  taken(): void {
    this.#underWay.shift()!()
  }
}

describe('pinged', () => {
  function stalled() {
    const ws = new FakeWs()
    ws.bufferedAmount = 1025
    return ws
  }

  it('leaves every answer to ws while little waits', () => {
    const ws = new FakeWs()
    ws.bufferedAmount = 1024
    for (const payload of ['a', 'b', 'c']) ws.ping(payload)
    expect(ws._autoPong).to.equal(true)
    expect(ws.sent).to.deep.equal(['a', 'b', 'c'])
  })

  it('has one answer under way, to the latest ping, while more waits', () => {
    const ws = stalled()
    for (const payload of ['a', 'b', 'c', 'd']) ws.ping(payload)
    // a by ws, b at once, d in place of c
    expect(ws.sent).to.deep.equal(['a', 'b'])
    expect(ws._autoPong).to.equal(false)
    ws.taken()
    expect(ws.sent).to.deep.equal(['a', 'b', 'd'])
  })

  it('leaves the answers to ws again when the last one is taken', () => {
    const ws = stalled()
    for (const payload of ['a', 'b']) ws.ping(payload)
    ws.taken()
    expect(ws._autoPong).to.equal(true)
    ws.bufferedAmount = 0
    ws.ping('c')
    expect(ws.sent).to.deep.equal(['a', 'b', 'c'])
    expect(Object.getOwnPropertySymbols(ws)).to.deep.equal([])
  })

  it('answers each ping where everything goes as without the plugin, those that waited too', () => {
    const untouched = stalled()
    untouched.ping('a', true)
    expect(untouched._autoPong).to.equal(true)
    const ws = stalled()
    for (const payload of ['a', 'b', 'c']) ws.ping(payload)
    ws.ping('d', true)
    ws.ping('e', true)
    expect(ws.sent).to.deep.equal(['a', 'b', 'c', 'd', 'e'])
    // the end of an answer from before changes nothing
    ws.taken()
    expect(ws.sent).to.have.length(5)
    expect(ws._autoPong).to.equal(true)
  })

  it('leaves a WebSocket alone that was told not to answer', () => {
    const ws = stalled()
    ws._autoPong = false
    ws.ping('a')
    ws.ping('b')
    expect(ws.sent).to.deep.equal([])
    unguardPongs(ws)
    expect(ws._autoPong).to.equal(false)
  })

  it('is told of events that are no pings', () => {
    const ws = stalled()
    for (const payload of [undefined, 'text', 7]) pinged(ws, payload, false)
    expect(ws._autoPong).to.equal(true)
  })
})

describe('unguardPongs', () => {
  it('has ws answer again, whatever is under way', () => {
    const ws = new FakeWs()
    ws.bufferedAmount = 2000
    for (const payload of ['a', 'b', 'c']) ws.ping(payload)
    unguardPongs(ws)
    expect(ws._autoPong).to.equal(true)
    ws.taken()
    ws.ping('d')
    expect(ws.sent.at(-1)).to.equal('d')
  })
})
