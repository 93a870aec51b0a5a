import { expect } from 'chai'
import { Sampler } from '../../lib/telemetry/sampler.ts'

/** How many are taken in each of some seconds in which so many pass. */
function taken(sampler: Sampler, perSecond: readonly number[]): number[] {
  return perSecond.map((many, second) => {
    let count = 0
    for (let n = 0; n < many; n++) if (sampler.take(second * 1000 + (n / many) * 999)) count++
    return count
  })
}

describe('Sampler', () => {
  it('takes all where there are few', () => {
    expect(taken(new Sampler(100), [10, 100, 3])).to.deep.equal([10, 100, 3])
  })

  it('takes about so many a second, and never more than twice as many', () => {
    const [first, ...later] = taken(new Sampler(100), [7000, 7000, 7000, 7000, 70_000])
    expect(first).to.equal(200)
    expect(later.at(-1)).to.equal(200)
    for (const count of later.slice(0, -1)) expect(count).to.be.within(60, 140)
  })

  it('takes other clients in each broadcast', () => {
    const sampler = new Sampler(100)
    taken(sampler, [7000])
    const broadcasts = [1, 2].map((second) => {
      const clients: number[] = []
      for (let client = 0; client < 7000; client++) {
        if (sampler.take(second * 1000)) clients.push(client)
      }
      return clients
    })
    const [one, other] = broadcasts
    expect(one!.filter((client) => other!.includes(client)).length).to.be.below(one!.length / 2)
  })
})
