import type { Bytes } from '../../lib/base/units.ts'
import type { Apart } from './apart.ts'
import type { Readings } from './readings.ts'
import type { Stage, StageOptions } from './stage.ts'

/** Something that breaks while a server has a steady load and clients that stay. */
export interface Fault extends StageOptions {
  readonly name: string
  /** Its errors are uncaught without us too: they would end the process. */
  readonly uncaught?: boolean
  /** How much the heap may grow, where what so many clients make hot is more than usual. */
  readonly heapTolerance?: Bytes
  run(stage: Stage): Promise<void>
}

/** One whose server is a process of its own, which may die. */
export interface ApartFault {
  readonly name: string
  /** Of the server, in milliseconds. */
  readonly stallAfter?: number
  /** @returns what the server had when it was warm, under load */
  runApart(apart: Apart): Promise<{ readonly before: Readings; readonly heapBefore: number }>
}

/** It can't happen here. */
export class Skipped extends Error {}

/** What one run of a fault has shown. */
export interface Outcome {
  readonly fault: string
  /** Critical messages that were emitted, and how often one reached a client that is followed. */
  readonly sent: number
  readonly received: number
  readonly lost: number
  readonly doubled: number
  readonly reordered: number
  readonly heapBefore: number
  readonly heapAfter: number
  /** Bytes in the accounts when nothing is under way. */
  readonly left: number
  /** All that is wrong, in words. */
  readonly problems: readonly string[]
}

/** Thrown by the callbacks that throw. */
export const OF_APPLICATION = 'of the application'

export function fail(): never {
  throw new Error(OF_APPLICATION)
}
