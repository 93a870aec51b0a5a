import { expect } from 'chai'
import type { Verdict } from '../../lib/classify/classifier.ts'
import { type Marked, readMark, unmark, writeMark } from '../../lib/intercept/mark.ts'

const verdict = (given: object): Verdict => ({ isInvalid: false, ...given }) as unknown as Verdict

/** As it arrives at another node. */
const sent = (packet: Marked): Marked => JSON.parse(JSON.stringify(packet))

describe('A mark', () => {
  it('tells another node that a payload is invalid, and the key that a function has made', () => {
    const invalid: Marked = {}
    writeMark(invalid, verdict({ isInvalid: true }))
    expect(readMark(sent(invalid))).to.deep.equal({ invalid: true })
    for (const key of ['aurora', '', null, undefined]) {
      const packet: Marked = {}
      writeMark(packet, verdict({ key, rule: { conflateBy: () => key } }))
      expect(readMark(sent(packet))).to.deep.equal({ invalid: false, key: key ?? null })
    }
  })

  it('is not there where the other node finds out by itself', () => {
    for (const conflateBy of [undefined, 'game']) {
      const packet: Marked = {}
      writeMark(packet, verdict({ key: 'aurora', rule: { conflateBy } }))
      expect(packet).to.deep.equal({})
      expect(readMark(packet)).to.deep.equal({})
    }
  })

  it('is taken off again', () => {
    const packet: Marked & { nsp: string } = { nsp: '/' }
    writeMark(packet, verdict({ isInvalid: true }))
    unmark(packet)
    unmark(packet)
    expect(packet).to.deep.equal({ nsp: '/' })
  })

  it('of another form says nothing: it may come from anybody who writes to Redis', () => {
    for (const spillway of [null, 7, 'text', [], { key: 7 }, { key: {} }, { invalid: 'yes' }]) {
      const { invalid, key } = readMark({ spillway } as Marked)
      expect(invalid).to.not.equal(true)
      expect(key).to.equal(undefined)
    }
    expect(readMark(Object.create({ spillway: { invalid: true } }))).to.deep.equal({})
  })
})
