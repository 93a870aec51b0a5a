import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'chai'
import { memoryOf } from '../../lib/message/memory-costs.ts'
import type { Measured, MemoryCell } from '../support/process/memory-child.ts'

const child = fileURLToPath(new URL('../support/process/memory-child.ts', import.meta.url))

async function measured(cells: readonly MemoryCell[]): Promise<Measured[]> {
  const args = ['--expose-gc', '--import', 'tsx', child, JSON.stringify(cells)]
  const { stdout } = await promisify(execFile)(process.execPath, args, { maxBuffer: 1 << 20 })
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))
}

const alone = { way: 'emit', event: 'critical', clients: 2 } as const
const shared = { way: 'broadcast', event: 'critical', clients: 4 } as const

const CELLS: readonly MemoryCell[] = [
  { name: '10 bytes, alone', ...alone, characters: 10, messages: 20_000 },
  { name: '100 bytes, alone', ...alone, characters: 100, messages: 20_000 },
  { name: '2 KB, alone', ...alone, characters: 2000, messages: 5000 },
  { name: '100 KB, alone', ...alone, characters: 100_000, messages: 100 },
  { name: '10 bytes, shared by 4', ...shared, characters: 10, messages: 20_000 },
  { name: '10 bytes, shared by 40', ...shared, clients: 40, characters: 10, messages: 5000 },
  { name: '2 KB, shared', ...shared, characters: 2000, messages: 5000 },
  { name: '100 KB, shared', ...shared, characters: 100_000, messages: 100 },
  { name: 'cosmetic, alone', ...alone, event: 'cosmetic', characters: 50, messages: 20_000 },
  { name: 'with a key each', ...alone, event: 'keyed', characters: 50, messages: 20_000 },
  { name: 'Cyrillic', ...alone, characters: 1000, character: 'Ж', messages: 5000 },
  { name: 'Latin with accents', ...alone, characters: 1000, character: 'é', messages: 5000 },
  { name: 'Chinese, shared', ...shared, characters: 1000, character: '水', messages: 5000 },
  { name: 'attachments', ...alone, characters: 500, binary: true, messages: 5000 },
  { name: 'attachments, shared', ...shared, characters: 500, binary: true, messages: 5000 },
  {
    name: 'a client that never polls',
    ...alone,
    transport: 'polling',
    characters: 10,
    messages: 20_000,
  },
  {
    name: 'clients that never poll, shared',
    ...shared,
    transport: 'polling',
    characters: 2000,
    messages: 5000,
  },
]

describe('What is held', () => {
  describe('is what it takes in memory, within a quarter:', function () {
    this.timeout(120_000)
    let results: Measured[]

    before(async () => {
      results = await measured(CELLS)
    })

    for (const [index, { name }] of CELLS.entries()) {
      it(name, () => {
        const { taken, held, left } = results[index]!
        expect(held / taken, `${held} of ${taken} bytes`).to.be.within(0.8, 1.25)
        expect(left).to.equal(0)
      })
    }
  })

  it('counts two bytes a character where one needs them', () => {
    const of = (text: string) => memoryOf([text], undefined, undefined)
    expect(of('é'.repeat(1000))).to.equal(of('x'.repeat(1000)))
    expect(of(`${'x'.repeat(999)}Ж`)).to.equal(of('x'.repeat(2000)))
  })
})
