import { expect } from 'chai'
import { run, warmUp } from './catalogue.ts'
import { type ApartFault, type Fault, Skipped } from './fault.ts'

/** Beside each fault, clients that stay are sent a steady load, and check every critical message. */
export function survived(faults: ReadonlyArray<Fault | ApartFault>): void {
  describe('Nothing critical is lost, doubled or reordered, and nothing is left, when', () => {
    before(warmUp)

    for (const fault of faults) {
      it(fault.name, async function () {
        this.timeout(120_000)
        const outcome = await run(fault).catch((error: unknown) => {
          if (!(error instanceof Skipped)) throw error
          this.test!.title += ` (${error.message})`
          return this.skip()
        })
        expect(outcome.problems).to.deep.equal([])
        expect(outcome.left).to.equal(0)
        expect(outcome.received).to.be.greaterThan(outcome.sent)
      })
    }
  })
}
