import type { Priority } from '../../schemas/priority.ts'
import { Tally } from '../base/tally.ts'
import type { Millis } from '../base/units.ts'

export type MessageClass = 'critical' | 'cosmetic'

/** What an annotation means to the scheduler; one a class of one event, made at boot. */
export interface Rule {
  /** Distinguishes the branches of one event in conflation keys. */
  readonly id: number
  /** Label of the namespace: its name or pattern in the annotated map, else `other`. */
  readonly namespace: string
  /** Label of the event: its name in the annotated map, else `other`. */
  readonly event: string
  readonly class: MessageClass
  readonly conflateBy: string | ((payload: never) => unknown) | undefined
  /** Infinity for critical; undefined if the option `maxAge` applies. */
  readonly maxAge: Millis | undefined
  /** The highest is sent first, the lowest shed first. */
  readonly rank: number
  readonly drop: 'oldest' | 'newest'
  readonly tally: Tally
}

let lastId = 0

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
