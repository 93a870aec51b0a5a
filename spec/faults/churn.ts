import { MiB } from '../../lib/base/units.ts'
import type { RawClient } from '../support/servers/server.ts'
import { often } from '../support/thorough.ts'
import { joined } from './clients.ts'
import type { Fault } from './fault.ts'

const CONNECTS = often({ usually: 1000, thoroughly: 10_000 })
const NAMESPACES = often({ usually: 20, thoroughly: 60 })
const AT_ONCE = 25
/** Enough for a broadcast to be walked in slices. */
const CROWD = often({ usually: 75, thoroughly: 150 })
/** Of a turn of the loop: so little that most of them are left for later ones. */
const LITTLE = 1

export const churnFaults: readonly Fault[] = [
  {
    name: 'namespaces are added and removed under load',
    async run(stage) {
      const { io } = stage
      const tables = io.of(/^\/table-\d+$/)
      tables.on('connection', (socket) => socket.emit('jackpot:won', { n: 0 }))
      let fixed = 0
      for (let n = 0; n < NAMESPACES; n++) {
        const name = `/table-${n}`
        const clients = [await stage.raw({ namespace: name }), await stage.raw({ namespace: name })]
        const added = io.of(`/room-${n}`)
        fixed++
        for (let round = 0; round < 5; round++) {
          io.of(name).emit('reel:frame', { n: round, pad: 'x' })
          added.emit('jackpot:won', { n: round })
          await stage.rounds(1)
        }
        for (const client of clients) client.close()
        io._nsps.delete(added.name)
      }
      stage.check('all of them were there', fixed === NAMESPACES)
      await stage.expect(
        'no namespace left',
        () => ![...io._nsps.keys()].some((name) => name.startsWith('/table-')),
      )
      Reflect.get(io, 'parentNsps').clear()
      Reflect.get(io, 'parentNamespacesFromRegExp')?.clear()
    },
  },
  {
    name: 'clients leave in the middle of a broadcast to many',
    options: () => ({ tickBudget: LITTLE }),
    async run(stage) {
      const { io, spillway } = stage
      const crowd: RawClient[] = []
      for (let n = 0; n < CROWD; n++) crowd.push(await stage.raw())
      const leave = [
        (n: number) => crowd[n]!.close(),
        (n: number) => spillway.terminate([...io.of('/').sockets.keys()].at(-1 - n)!),
        () => [...io.of('/').sockets.values()].at(-1)!.disconnect(true),
      ]
      for (let n = 0; n < CROWD; n += 5) {
        const done = stage.rounds(2)
        // what was emitted in this tick waits for its slices
        stage.load.round()
        leave[(n / 5) % leave.length]!(n % 5)
        await done
      }
      stage.check('broadcasts in slices', spillway.stats().fanout.slices > 0)
    },
  },
  {
    name: `${CONNECTS.toLocaleString('en')} connects and disconnects`,
    // compiled code takes up to 3 MiB; a channel kept of each, some 80
    heapTolerance: 5 * MiB,
    async run(stage) {
      const endings = ['end', 'reset', 'close'] as const
      const one = async (n: number): Promise<void> => {
        const socket = await joined(stage)
        socket[endings[n % endings.length]!]()
        if (n % endings.length === 0) await stage.expect('its end', () => socket.gone)
      }
      let next = 0
      const lane = async (): Promise<void> => {
        while (next < CONNECTS) await one(next++)
      }
      await Promise.all(Array.from({ length: AT_ONCE }, lane))
    },
  },
]
