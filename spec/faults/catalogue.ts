import { applicationFaults } from './application.ts'
import { churnFaults } from './churn.ts'
import { clientFaults } from './clients.ts'
import { clockFaults } from './clock.ts'
import type { ApartFault, Fault, Outcome } from './fault.ts'
import { nestedFaults } from './nested.ts'
import { processFaults } from './process.ts'
import { runApart } from './run-apart.ts'
import { runHere } from './run-here.ts'
import { vanishFaults } from './vanish.ts'

/** What may break, each beside a steady load and clients that stay. */
export const faults: ReadonlyArray<Fault | ApartFault> = [
  ...clientFaults,
  ...vanishFaults,
  ...processFaults,
  ...clockFaults,
  ...applicationFaults,
  ...nestedFaults,
  ...churnFaults,
]

/**
 * One run.
 *
 * @throws Skipped
 */
export function run(fault: Fault | ApartFault): Promise<Outcome> {
  return 'runApart' in fault ? runApart(fault) : runHere(fault)
}

/** Before the first run: what code and caches take is in no figure then. */
export async function warmUp(): Promise<void> {
  await runHere({
    name: 'nothing',
    async run({ fixture }) {
      await (await fetch(fixture.url)).text()
    },
  })
}
