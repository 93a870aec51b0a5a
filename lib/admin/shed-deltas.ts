import type { Bytes } from '../base/units.ts'
import type { Rule } from '../message/rule.ts'

/** Messages of one event shed in a period of time. */
export interface ShedDelta {
  readonly namespace: string
  readonly event: string
  readonly dropped: number
  readonly conflated: number
  readonly expired: number
  readonly bytes: Bytes
}

/** Differences of the rules' shed counts between two calls. */
export class ShedDeltas {
  readonly #before = new Map<
    Rule,
    { dropped: number; conflated: number; expired: number; bytes: Bytes }
  >()

  /**
   * @returns messages shed since the previous call, of the rules that have any; none at the first
   * call
   */
  since(rules: Iterable<Rule>): ShedDelta[] {
    const changed: ShedDelta[] = []
    for (const rule of rules) {
      const { dropped, conflated, expired, ...tally } = rule.tally
      const bytes = tally.droppedBytes + tally.conflatedBytes + tally.expiredBytes
      const now = { dropped, conflated, expired, bytes }
      const before = this.#before.get(rule)
      this.#before.set(rule, now)
      if (!before || rule.tally.shed === before.dropped + before.conflated + before.expired)
        continue
      changed.push({
        namespace: rule.namespace,
        event: rule.event,
        dropped: dropped - before.dropped,
        conflated: conflated - before.conflated,
        expired: expired - before.expired,
        bytes: bytes - before.bytes,
      })
    }
    return changed
  }
}
