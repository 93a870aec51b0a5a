import { getHeapStatistics } from 'node:v8'
import { expect } from 'chai'
import { MiB } from '../../lib/base/units.ts'
import { defaultBudget } from '../../schemas/default-budget.ts'

describe('The default budget', () => {
  it('is a quarter of the old generation', () => {
    const young = 48
    const budgets = [16, 64, 128, 512, 4096].map((old) => defaultBudget((old + young) * MiB) / MiB)
    expect(budgets).to.deep.equal([4, 16, 32, 128, 1024])
  })

  it('is at least one MiB, however small the heap is', () => {
    for (const heapLimit of [0, 32, 48, 51]) {
      expect(defaultBudget(heapLimit * MiB)).to.equal(MiB)
    }
  })

  it('is an integer of bytes, of the heap of this process', () => {
    expect(defaultBudget(100 * MiB + 1)).to.equal(13 * MiB)
    expect(defaultBudget()).to.equal(defaultBudget(getHeapStatistics().heap_size_limit))
  })
})
