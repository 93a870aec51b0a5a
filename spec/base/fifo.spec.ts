import { expect } from 'chai'
import fc from 'fast-check'
import { Fifo } from '../../lib/base/fifo.ts'

describe('Fifo', () => {
  it('is as an array, whatever is pushed and taken', () => {
    const steps = fc.array(fc.integer({ min: -150, max: 150 }), { maxLength: 30 })
    fc.assert(
      fc.property(steps, (counts) => {
        const fifo = new Fifo<number>()
        const model: number[] = []
        let next = 1
        for (const count of counts) {
          for (let left = count; left > 0; left--) {
            fifo.push(next)
            model.push(next++)
          }
          for (let left = -count; left > 0; left--) {
            expect(fifo.peek()).to.equal(model[0])
            expect(fifo.shift()).to.equal(model.shift())
          }
          expect(fifo.length).to.equal(model.length)
          expect(fifo.peek()).to.equal(model[0])
          for (const index of [0, 1, 70, -1]) expect(fifo.at(index)).to.equal(model.at(index))
        }
      }),
    )
  })
})
