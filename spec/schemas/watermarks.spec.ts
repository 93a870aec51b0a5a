import { expect } from 'chai'
import { KiB } from '../../lib/base/units.ts'
import { checkWatermarks, watermarks } from '../../schemas/watermarks.ts'
import { expectRefusal, refusalOf } from '../support/refusals.ts'

const ORDER = 'low < high < limit < emergency'

describe('Watermarks', () => {
  const WRONG: ReadonlyArray<[levels: Record<string, number>, path: string, given: string]> = [
    [{ low: 200_000 }, 'low', '200000 with high 131072'],
    [{ low: 131_072 }, 'low', '131072 with high 131072'],
    [{ high: 4096 }, 'low', '65536 with high 4096'],
    [{ high: 524_288 }, 'high', '524288 with limit 524288'],
    [{ limit: 70_000 }, 'high', '131072 with limit 70000'],
    [{ emergency: 524_288 }, 'limit', '524288 with emergency 524288'],
    [{ low: 4000, high: 3000, limit: 2000, emergency: 1500 }, 'low', '4000 with high 3000'],
  ]
  for (const [levels, name, given] of WRONG) {
    it(`are refused out of order: ${JSON.stringify(levels)}`, () => {
      const refusal = refusalOf(() => checkWatermarks(watermarks.parse(levels)))
      expectRefusal(refusal, 'SPILLWAY_WATERMARK_ORDER', `watermarks.${name}`, given, ORDER)
    })
  }

  it('have defaults in order, with emergency at 8 times the limit', () => {
    const defaults = { low: 64 * KiB, high: 128 * KiB, limit: 512 * KiB, horizon: 500 }
    const emergency = 4096 * KiB
    expect(checkWatermarks(watermarks.parse({}))).to.deep.equal({ ...defaults, emergency })
    expect(checkWatermarks({ low: 1, high: 2, limit: 3 }).emergency).to.equal(24)
  })

  it('may be one byte apart, with an emergency of their own', () => {
    const levels = { low: 1, high: 2, limit: 3, emergency: 4 }
    expect(checkWatermarks(levels)).to.deep.equal(levels)
  })
})
