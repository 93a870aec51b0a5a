import { expect } from 'chai'
import { isLikelyAlone, NO_TICK, recordOf } from '../../lib/loop/tick-record.ts'

/** What is guessed of each of some messages, by the ticks in which they come. */
function guesses(ticks: readonly number[]): boolean[] {
  let record = NO_TICK
  return ticks.map((tick) => {
    const isAlone = isLikelyAlone(record, tick)
    record = recordOf(record, tick)
    return isAlone
  })
}

describe('Tick record', () => {
  it('guesses that a message is the only one of its tick if the tick before had one', () => {
    expect(guesses([1, 2, 5])).to.deep.equal([true, true, true])
  })

  it('guesses that a message is one of several if the tick before had several', () => {
    expect(guesses([1, 1, 2, 3])).to.deep.equal([true, false, false, true])
    expect(guesses([4, 4, 4, 6, 6, 7])).to.deep.equal([true, false, false, false, false, false])
  })

  it('is right after more ticks than a small integer counts', () => {
    const late = 2 ** 40
    expect(guesses([late, late, late + 1, late + 2])).to.deep.equal([true, false, false, true])
  })
})
