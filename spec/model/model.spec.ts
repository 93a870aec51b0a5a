import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { expect } from 'chai'
import fc from 'fast-check'
import { writeToKernel } from '../../lib/link/direct/kernel-write.ts'
import type { KernelSocket } from '../../lib/socketio/kernel-socket.ts'
import { often } from '../support/thorough.ts'
import { INVARIANT_COUNT } from './invariants.ts'
import { type Run, runs, shrink, textOf } from './operations.ts'
import { play, type Total } from './play.ts'

const SEED = Number(process.env.MODEL_SEED ?? 20_261_124)
/** So many operations are played at least. */
const OPERATIONS = Number(
  process.env.MODEL_OPERATIONS ?? often({ usually: 100_000, thoroughly: 1_000_000 }),
)
const LONGEST_RUN = 400

describe('The core', () => {
  before(async () => {
    // the first write of a process shows what a request of Node is
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const near = connect((server.address() as AddressInfo).port, '127.0.0.1')
    const [far] = (await once(server, 'connection')) as [Socket & KernelSocket]
    writeToKernel(far, Buffer.of(0), { taken() {} })
    far.write(Buffer.of(0))
    near.destroy()
    far.destroy()
    server.close()
  })

  it('holds nothing for a blind client whose kernel takes the last marker behind all else', () => {
    const [pass, deliver] = [
      { op: 'pass', millis: 1000 },
      { op: 'deliver', client: 0, bytes: Number.POSITIVE_INFINITY },
    ] as const
    play({
      budget: 3,
      cost: 0,
      ending: 'all catch up',
      operations: [
        { op: 'connect', by: 'websocket', kernel: 0, farewell: 'nothing' },
        pass,
        pass,
        deliver,
        { op: 'answer', client: 0, which: 'wrong' },
        pass,
        deliver,
      ],
    })
  })

  it(`keeps ${INVARIANT_COUNT} invariants, whatever happens`, function () {
    this.timeout(180_000)
    const total: Total = {
      operations: 0,
      offers: 0,
      broadcasts: 0,
      arrivals: 0,
      clients: 0,
      reached: new Map(),
    }
    for (let batch = 0; total.operations < OPERATIONS; batch++) {
      for (const run of fc.sample(runs(LONGEST_RUN), { seed: SEED + batch, numRuns: 100 })) {
        try {
          play(run, total)
        } catch (error) {
          expect.fail(report(run, error as Error, total.operations))
        }
      }
    }
    const { reached, ...counts } = total
    const figures = Object.entries(counts).map(
      ([name, count]) => `${count.toLocaleString('en')} ${name}`,
    )
    this.test!.title += `: ${figures.join(', ')}`
    for (const [what, times] of reached) {
      expect(times, `how often there was ${what}`).to.be.above(OPERATIONS / 5000)
    }
  })
})

/** The least that still fails, and how. */
function report(run: Run, found: Error, before: number): string {
  let error = found
  const least = shrink(run, (smaller) => {
    try {
      play(smaller)
      return false
    } catch (thrown) {
      error = thrown as Error
      return true
    }
  })
  const sizes = `${run.operations.length} operations shrunk to ${least.operations.length}`
  const where = `seed ${SEED}, after ${before} operations; ${sizes}`
  return `${error.message}\n\n${where}:\n${textOf(least)}\n\n${error.stack}`
}
