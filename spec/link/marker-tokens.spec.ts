import { expect } from 'chai'
import {
  answerOf,
  MARKER_BYTES,
  makeMarker,
  type OpenMarker,
  payloadOf,
} from '../../lib/link/marker-tokens.ts'

describe('A marker', () => {
  /** Open markers, the oldest first. */
  function chain(count: number): OpenMarker[] {
    const markers = Array.from({ length: count }, (_, index) => makeMarker(index))
    for (const [index, marker] of markers.entries()) marker.next = markers[index + 1]
    return markers
  }

  it('is answered by its payload alone', () => {
    const markers = chain(4)
    for (const marker of markers) {
      expect(answerOf(payloadOf(marker), markers[0])).to.equal(marker)
    }
  })

  it('has a payload as long as it is said to be, with the head of a ping', () => {
    expect(2 + payloadOf(makeMarker(1)).length).to.equal(MARKER_BYTES)
  })

  it('that is not open was not asked for', () => {
    const [first, second] = chain(2)
    expect(answerOf(payloadOf(first!), second)).to.equal('unasked')
    expect(answerOf(payloadOf(first!), undefined)).to.equal('unasked')
  })

  it('has a token that none of 10,000 others has, whatever its number', () => {
    const tokens = new Set(Array.from({ length: 10_000 }, () => makeMarker(7).token))
    expect(tokens.size).to.equal(10_000)
  })

  it('is told from what others send in pings', () => {
    const marker = makeMarker(1)
    const payload = payloadOf(marker)
    const otherTag = Buffer.from(payload)
    otherTag[0]! ^= 1
    for (const foreign of [
      undefined,
      payload.toString('latin1'),
      new Uint8Array(payload),
      payload.subarray(1),
      Buffer.concat([payload, Buffer.of(0)]),
      Buffer.alloc(0),
      otherTag,
    ]) {
      expect(answerOf(foreign, marker)).to.equal('foreign')
    }
    const otherToken = Buffer.from(payload)
    otherToken[payload.length - 1]! ^= 1
    expect(answerOf(otherToken, marker)).to.equal('unasked')
  })
})
