import type { Priority } from '../../schemas/priority.ts'
import { Tally } from '../base/tally.ts'
import type { Millis } from '../base/units.ts'

export type MessageClass = 'critical' | 'cosmetic'

/** An annotation as the scheduler reads it. Made at boot, one per class of an event. */
export interface Rule {
  /** Prefix of conflation keys, so that branches of one event never replace each other. */
  readonly id: number
  /** Label of the namespace: its name or pattern in the annotated map, else `other`. */
  readonly namespace: string
  /** Label of the event: its name in the annotated map, else `other`. */
  readonly event: string
  readonly class: MessageClass
  readonly conflateBy: string | ((payload: never) => unknown) | undefined
  /** Infinity for critical; undefined if the option `maxAge` applies. */
  readonly maxAge: Millis | undefined
  /** Messages of the highest rank are sent first, those of the lowest are shed first. */
  readonly rank: number
  readonly drop: 'oldest' | 'newest'
  readonly tally: Tally
}

let lastId = 0

/** The rule of one annotation, with counts of its own. */
export function makeRule(namespace: string, event: string, priority: Priority): Rule {
  lastId++
  const common = { id: lastId, namespace, event, tally: new Tally() }
  if (priority.class === 'critical') {
    return {
      ...common,
      class: 'critical',
      conflateBy: undefined,
      maxAge: Number.POSITIVE_INFINITY,
      rank: 0,
      drop: 'oldest',
    }
  }
  return {
    ...common,
    class: 'cosmetic',
    conflateBy: priority.conflateBy,
    maxAge: priority.maxAge,
    rank: priority.rank ?? 0,
    drop: priority.drop ?? 'oldest',
  }
}
