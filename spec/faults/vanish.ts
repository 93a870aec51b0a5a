import { type Namespace, openNamespace } from '../support/paths/network-namespace.ts'
import { Child } from '../support/process/child.ts'
import { moduleOf, RUNTIME } from './apart.ts'
import { closed, STALLED_MS } from './clients.ts'
import { type Fault, Skipped } from './fault.ts'
import type { GuestsProcess } from './guests-process.ts'
import { NARROW } from './options.ts'

const CABLE_KBIT = 1_000_000
const GUESTS = 6

export const vanishFaults: readonly Fault[] = [
  {
    name: 'clients vanish without a FIN',
    host: '0.0.0.0',
    options: () => ({ watermarks: NARROW }),
    async run(stage) {
      const far = await namespace()
      const abort = new AbortController()
      try {
        const { signal } = abort
        const guests = new Child<GuestsProcess>(moduleOf('guests-process'), {
          signal,
          namespace: far.name,
          runtime: RUNTIME,
        })
        await guests.ask('open', { url: `http://${far.host}:${stage.port}`, count: GUESTS })
        await stage.rounds(100)
        await far.cut()
        await stage.expect('all of them closed', () => closed(stage) >= GUESTS, STALLED_MS)
        await guests.close()
      } finally {
        abort.abort()
        await far.close()
      }
    },
  },
]

async function namespace(): Promise<Namespace> {
  try {
    return await openNamespace(CABLE_KBIT)
  } catch (error) {
    throw new Skipped(`no network namespace here: ${String(error).trim()}`)
  }
}
