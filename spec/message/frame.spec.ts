import { randomBytes } from 'node:crypto'
import type { Writable } from 'node:stream'
import { expect } from 'chai'
import * as ws from 'ws'
import { frameBytes, framesOf, isFramable, pingOf } from '../../lib/message/frame.ts'
import { FrameBatch, FrameBatches } from '../../lib/message/frame-batch.ts'
import { envelope } from '../support/fakes/envelopes.ts'

/** Its types leave it out. */
const { Receiver } = ws as unknown as { Receiver: new (options: object) => Writable }

/** What the parser of `ws` makes of frames that a server sent. */
async function parse(bytes: Uint8Array): Promise<Array<string | Buffer>> {
  const found: Array<string | Buffer> = []
  const receiver = new Receiver({ isServer: false })
  receiver.on('message', (data: Buffer, isBinary: boolean) => {
    found.push(isBinary ? data : data.toString())
  })
  receiver.on('ping', (data: Buffer) => found.push(`ping ${data}`))
  await new Promise<void>((resolve, reject) => {
    receiver.once('error', reject)
    receiver.write(bytes, () => setImmediate(resolve))
  })
  return found
}

describe('Frames', () => {
  for (const length of [0, 1, 124, 125, 126, 65_534, 65_535, 65_536, 200_000]) {
    it(`are right around ${length} bytes of payload`, async () => {
      const binary = randomBytes(length)
      const parts = ['x'.repeat(length), binary, 'é'.repeat(length >> 1)]
      const bytes = parts.map(frameBytes).reduce((sum, size) => sum + size)
      const frames = framesOf(parts, bytes)
      expect(frames.length).to.equal(bytes)
      expect(await parse(frames)).to.deep.equal([`4${parts[0]}`, binary, `4${parts[2]}`])
    })
  }

  it('carry bytes of any kind as they lie in memory', async () => {
    const bytes = Uint8Array.of(1, 2, 3, 4, 5, 6, 7, 8)
    const { buffer } = bytes
    const kinds: unknown[] = [
      buffer,
      new DataView(buffer, 2, 4),
      new Uint16Array(buffer, 2, 2),
      new Float32Array(buffer),
      new BigInt64Array(buffer),
    ]
    const parts = kinds as Uint8Array[]
    expect(parts.every(isFramable)).to.equal(true)
    const frames = framesOf(
      parts,
      parts.map(frameBytes).reduce((sum, size) => sum + size),
    )
    const all = Buffer.from(bytes)
    const middle = all.subarray(2, 6)
    expect(await parse(frames)).to.deep.equal([all, middle, middle, all, all])
    for (const other of [new Blob(['x']), undefined, null, 5, {}]) {
      expect(isFramable(other)).to.equal(false)
      expect(frameBytes(other as Uint8Array)).to.be.greaterThan(1)
    }
  })

  it('of a ping carry its payload', async () => {
    expect(await parse(pingOf(Buffer.from('12345678')))).to.deep.equal(['ping 12345678'])
  })
})

describe('A burst', () => {
  const [a, b, c] = [4, 5, 6].map((bytes) => envelope({ bytes }))

  it('joins what one tick sends to a client, in its order', async () => {
    const burst = new FrameBatches().startingWith(a!, true).and(b!).and(c!)
    expect(burst.bytes).to.equal(a!.bytes + b!.bytes + c!.bytes)
    expect(await parse(burst.frames)).to.deep.equal(['4x', '4xx', '4xxx'])
  })

  it('is shared by clients that are sent the same, and by nobody else', () => {
    const bursts = new FrameBatches()
    const one = bursts.startingWith(a!, true).and(b!)
    const two = bursts.startingWith(a!, true).and(b!)
    expect(two.frames).to.equal(one.frames)
    const other = bursts.startingWith(a!, true).and(c!)
    expect(other).not.to.equal(one)
    expect(String(other.frames)).to.equal(String(Buffer.concat([a!.frames, c!.frames])))
    expect(bursts.startingWith(b!, true)).to.be.instanceOf(FrameBatch)
    expect(bursts.startingWith(b!, true).frames).to.equal(b!.frames)
    expect(bursts.startingWith(b!, false)).not.to.equal(bursts.startingWith(b!, true))
  })

  it('tells which packets Engine.IO would hold back: all, or all but the first', () => {
    const bursts = new FrameBatches()
    const parts = envelope({ parts: ['one', Buffer.of(2), Buffer.of(3)] })
    for (const [first, writable, held] of [
      [a!, true, 1],
      [a!, false, 2],
      [parts, true, 3],
      [parts, false, 4],
    ] as const) {
      const burst = bursts.startingWith(first, writable).and(b!)
      const all = [...first.packets, ...b!.packets]
      expect(burst).to.include({ heldBack: held, isHeldBack: !writable })
      expect(burst.packets).to.deep.equal(all.slice(-held))
      expect(burst.first).to.equal(first.packets[0])
    }
  })
})
