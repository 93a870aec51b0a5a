import type { Run } from './operations.ts'
import { OUTCOMES } from './subject.ts'
import { World } from './world.ts'

/** What was played, over all runs. */
export interface Total {
  operations: number
  offers: number
  broadcasts: number
  arrivals: number
  clients: number
  /** How often each outcome, each closing and so on came about. */
  readonly reached: Map<string, number>
}

/** The world has no budget for all clients and does not shut down: these have specs of their own. */
export function play(run: Run, total?: Total): void {
  const world = new World(run)
  let operations = 0
  try {
    for (const operation of run.operations) if (world.apply(operation)) operations++
    if (run.ending === 'all catch up') world.catchUp()
    else if (run.ending === 'all stall') world.stall()
    else if (run.ending === 'all go blind') world.goBlind()
    else if (run.ending === 'exit')
      world.exit(run.operations.filter(({ op }) => op === 'emit' || op === 'broadcast').slice(0, 9))
    world.letGo()
  } finally {
    world.close()
  }
  if (!total) return
  total.operations += operations
  total.offers += world.offers
  total.broadcasts += world.broadcast
  total.arrivals += world.arrivals
  total.clients += world.opened
  const reached = (what: string, times: number): void => {
    total.reached.set(what, (total.reached.get(what) ?? 0) + times)
  }
  const { clients } = world
  for (const ledger of world.ledgers.values()) {
    for (const outcome of OUTCOMES) reached(outcome, ledger[outcome].messages)
  }
  const { budget: _budget, shutdown: _shutdown, ...closings } = clients.history.counts
  for (const [code, times] of Object.entries(closings)) reached(code, times)
  reached('drains', clients.meters.drains)
  reached('refused', world.refused)
  reached('told meanwhile', world.toldMeanwhile)
  reached('slices', clients.scheduler.slices)
  for (const [how, times] of Object.entries(world.walked)) reached(how, times)
}
