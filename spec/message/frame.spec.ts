import { randomBytes } from 'node:crypto'
import { expect } from 'chai'
import { frameBytes, framesOf, isFramable, pingOf } from '../../lib/message/frame.ts'
import { parse } from '../support/parse-frames.ts'

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
