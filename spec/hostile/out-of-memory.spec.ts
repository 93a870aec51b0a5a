import { expect } from 'chai'
import { MiB } from '../../lib/base/units.ts'
import { unreadBy } from '../support/clients/unread-clients.ts'
import type { Unread } from '../support/process/unread-server.ts'
import { often } from '../support/thorough.ts'

/** Megabytes of old objects that V8 may keep (`--max-old-space-size`). */
const HEAPS = [64, 128, 512] as const
type Heap = (typeof HEAPS)[number]
type Attack = Omit<Unread, 'clients'>
const CLIENTS = 12

/** Each value of each dimension, the smallest processes first; with `SPILLWAY_ALL_UNREAD=1` all their combinations (half an hour). */
const CELLS: ReadonlyArray<readonly [Heap, Attack]> = process.env.SPILLWAY_ALL_UNREAD
  ? HEAPS.flatMap((heap) => everyAttack().map((attack) => [heap, attack] as const))
  : (
      [
        [64, { size: 'small', event: 'cosmetic', way: 'broadcast', transport: 'websocket' }],
        [64, { size: 'large', event: 'critical', way: 'single', transport: 'websocket' }],
        [64, { size: 'small', event: 'critical', way: 'single', transport: 'polling' }],
        [512, { size: 'large', event: 'cosmetic', way: 'single', transport: 'websocket' }],
        [128, { size: 'small', event: 'critical', way: 'broadcast', transport: 'websocket' }],
        [128, { size: 'small', event: 'cosmetic', way: 'broadcast', transport: 'polling' }],
        [512, { size: 'large', event: 'critical', way: 'single', transport: 'polling' }],
      ] as const
    ).slice(0, often({ usually: 2, thoroughly: 7 }))

function everyAttack(): Attack[] {
  const all: Attack[] = []
  for (const size of ['small', 'large'] as const) {
    for (const event of ['critical', 'cosmetic'] as const) {
      for (const way of ['broadcast', 'single'] as const) {
        for (const transport of ['websocket', 'polling'] as const) {
          all.push({ size, event, way, transport })
        }
      }
    }
  }
  return all
}

describe('Clients that read nothing, by the default budget', function () {
  this.timeout(600_000)

  for (const [heap, attack] of CELLS) {
    const { size, event, way, transport } = attack
    it(`don't end a process of ${heap} MB: ${size}, ${event}, ${way}, ${transport}`, async () => {
      const { result, end, answered } = await unreadBy({ ...attack, clients: CLIENTS }, heap)
      expect(end).to.equal(undefined)
      expect(answered, 'an honest client is answered').to.equal(true)
      // without a limit all of it would be there
      expect(result!.offered).to.be.greaterThan(result!.heapLimit)
      // what is above it goes at once, or with the tick
      expect(result!.held).to.be.below(2 * result!.budget)
      expect(result!.budget).to.equal((heap / 4) * MiB)
    })
  }

  it('end the same process without the plugin', async () => {
    const attack = {
      size: 'small',
      event: 'critical',
      way: 'single',
      transport: 'polling',
    } as const
    const { end } = await unreadBy({ ...attack, clients: CLIENTS }, 64, { SPILLWAY_PLAIN: '1' })
    expect(end).to.not.equal(undefined)
  })
})
