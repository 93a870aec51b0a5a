import { admin } from './admin/scenario.ts'
import { busy } from './busy/scenario.ts'
import { dashboard } from './dashboard/scenario.ts'
import { fanout } from './fanout/scenario.ts'
import { faultSuite } from './faults/scenario.ts'
import type { Arguments } from './harness/arguments.ts'
import { healthy } from './healthy/scenario.ts'
import { lobby } from './lobby/scenario.ts'
import { overhead } from './overhead/scenario.ts'
import { repeats } from './repeats/scenario.ts'
import { scale } from './scale/scenario.ts'
import { slowLink } from './slow-link/scenario.ts'
import { soak } from './soak/scenario.ts'
import { storm } from './storm/scenario.ts'

export interface Report {
  /** For people. */
  readonly text: string
  /** For programs. */
  readonly figures: Readonly<Record<string, unknown>>
}

export interface Scenario {
  /** Its options, one a line. */
  readonly usage: string
  /**
   * Takes its options, and nothing else.
   *
   * @returns starts it; whatever it made is gone again when that settles
   * @throws UsageError
   */
  prepare(args: Arguments): (signal: AbortSignal) => Promise<Report>
}

export const scenarios: Readonly<Record<string, Scenario>> = {
  healthy,
  busy,
  'slow-link': slowLink,
  overhead,
  fanout,
  lobby,
  admin,
  dashboard,
  repeats,
  scale,
  soak,
  storm,
  faults: faultSuite,
}
