import { admin } from './admin/scenario.ts'
import { busy } from './busy/scenario.ts'
import { dashboard } from './dashboard/scenario.ts'
import { fanout } from './fanout/scenario.ts'
import { faultSuite } from './faults/scenario.ts'
import type { Scenario } from './harness/scenario.ts'
import { healthy } from './healthy/scenario.ts'
import { lobby } from './lobby/scenario.ts'
import { overhead } from './overhead/scenario.ts'
import { repeats } from './repeats/scenario.ts'
import { scale } from './scale/scenario.ts'
import { slowLink } from './slow-link/scenario.ts'
import { soak } from './soak/scenario.ts'
import { storm } from './storm/scenario.ts'

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
