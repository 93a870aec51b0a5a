import { expect } from 'chai'
import fc from 'fast-check'
import { leastDeserving } from '../../lib/clients/relief.ts'

const KiB = 1024

const holder = (name: string, held: number, stuckFor = 0) => ({ name, held, stuckFor })
const names = (holders: ReadonlyArray<{ name: string }>) => holders.map(({ name }) => name)

describe('Relief from an exceeded budget', () => {
  it('comes from hogs, not from the small that paused', () => {
    const hogs = [holder('hog a', 1700 * KiB), holder('hog b', 1700 * KiB)]
    const paused = ['a', 'b', 'c', 'd'].map((name) => holder(name, 16 * KiB, 5000))
    expect(names(leastDeserving([...paused, ...hogs], 1))).to.deep.equal(['hog a'])
    expect(names(leastDeserving([...paused, ...hogs], 1800 * KiB))).to.deep.equal([
      'hog a',
      'hog b',
    ])
  })

  it('comes from who makes no progress before one that holds up to four times as much', () => {
    const stuck = holder('stuck', 500 * KiB, 2000)
    const small = holder('small', 10 * KiB)
    expect(names(leastDeserving([holder('busy', 1900 * KiB), stuck, small], 1))).to.deep.equal([
      'busy',
    ])
    expect(names(leastDeserving([holder('busy', 900 * KiB), stuck, small], 1))).to.deep.equal([
      'stuck',
    ])
  })

  it('comes from all where all hold the same, as many as it takes', () => {
    const all = Array.from({ length: 10 }, (_, n) => holder(`${n}`, 100, 0))
    expect(leastDeserving(all, 250)).to.have.length(3)
    expect(leastDeserving(all, 5000)).to.have.length(10)
  })

  it('is none where nobody holds anything, or nothing is to be freed', () => {
    expect(leastDeserving([], 100)).to.deep.equal([])
    expect(leastDeserving([holder('a', 100)], 0)).to.deep.equal([])
  })

  it('never comes from who holds less than the mean while others hold more', () => {
    const holders = fc.array(
      fc.record({ held: fc.integer({ min: 1, max: 10_000 }), stuckFor: fc.nat(5000) }),
      { minLength: 1, maxLength: 50 },
    )
    fc.assert(
      fc.property(holders, fc.integer({ min: 1, max: 200_000 }), (all, excess) => {
        const chosen = leastDeserving(all, excess)
        expect(new Set(chosen).size).to.equal(chosen.length)
        const freed = chosen.reduce((sum, { held }) => sum + held, 0)
        const held = all.reduce((sum, each) => sum + each.held, 0)
        expect(freed).to.be.at.least(Math.min(excess, held))
        const last = chosen.at(-1)!
        expect(freed - last.held, 'and no more than needed').to.be.below(excess)
        // who is left held no more than who went, or counted for less
        const mean = held / all.length
        if (freed < held && chosen.length === 1) expect(last.held).to.be.at.least(mean)
      }),
      { seed: 16 },
    )
  })
})
