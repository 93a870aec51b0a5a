import type { Arguments } from './arguments.ts'

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
