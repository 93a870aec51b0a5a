import { type Lobby, startLobby } from '../lobby/server.ts'
import { type Meter, startMeter } from './meter.ts'
import type { FromChild, ToChild } from './server-process.ts'

/** The server of a headless run, alone in its process so that its memory is its own. */

let lobby: Lobby | undefined
let meter: Meter | undefined

function tell(message: FromChild): void {
  process.send?.(message)
}

async function obey(order: ToChild): Promise<void> {
  switch (order.type) {
    case 'open': {
      lobby = await startLobby({ plain: order.plain })
      return tell({ type: 'open', port: lobby.port })
    }
    case 'load': {
      meter = startMeter(lobby!)
      const load = lobby!.startLoad({ seconds: order.seconds })
      await load.ended
      return tell({ type: 'loaded', criticalSent: load.criticalSent })
    }
    case 'read':
      return tell({ type: 'readings', readings: meter!.read() })
  }
}

process.on('message', (order: ToChild) => void obey(order))
process.on('disconnect', () => process.exit())
