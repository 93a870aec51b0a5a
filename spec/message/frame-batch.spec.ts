import { expect } from 'chai'
import { FrameBatch, FrameBatches } from '../../lib/message/frame-batch.ts'
import { envelope } from '../support/fakes/envelopes.ts'
import { parse } from '../support/parse-frames.ts'

describe('FrameBatch', () => {
  const [a, b, c] = [4, 5, 6].map((bytes) => envelope({ bytes }))

  it('joins what one tick sends to a client, in its order', async () => {
    const batch = new FrameBatches().startingWith(a!, true).and(b!).and(c!)
    expect(batch.bytes).to.equal(a!.bytes + b!.bytes + c!.bytes)
    expect(await parse(batch.frames)).to.deep.equal(['4x', '4xx', '4xxx'])
  })

  it('is shared by clients that are sent the same, and by nobody else', () => {
    const batchs = new FrameBatches()
    const one = batchs.startingWith(a!, true).and(b!)
    const two = batchs.startingWith(a!, true).and(b!)
    expect(two.frames).to.equal(one.frames)
    const other = batchs.startingWith(a!, true).and(c!)
    expect(other).not.to.equal(one)
    expect(String(other.frames)).to.equal(String(Buffer.concat([a!.frames, c!.frames])))
    expect(batchs.startingWith(b!, true)).to.be.instanceOf(FrameBatch)
    expect(batchs.startingWith(b!, true).frames).to.equal(b!.frames)
    expect(batchs.startingWith(b!, false)).not.to.equal(batchs.startingWith(b!, true))
  })

  it('tells which packets Engine.IO would hold back: all, or all but the first', () => {
    const batchs = new FrameBatches()
    const parts = envelope({ parts: ['one', Buffer.of(2), Buffer.of(3)] })
    for (const [first, writable, held] of [
      [a!, true, 1],
      [a!, false, 2],
      [parts, true, 3],
      [parts, false, 4],
    ] as const) {
      const batch = batchs.startingWith(first, writable).and(b!)
      const all = [...first.packets, ...b!.packets]
      expect(batch).to.include({ heldBack: held, isHeldBack: !writable })
      expect(batch.packets).to.deep.equal(all.slice(-held))
      expect(batch.first).to.equal(first.packets[0])
    }
  })
})
