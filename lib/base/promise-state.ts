import { inspect } from 'node:util'

export type PromiseState = 'pending' | 'fulfilled' | 'rejected'

/** A getter, a long value or an own `inspect` of it costs nothing and is not run. */
const BRIEFLY = {
  depth: 0,
  customInspect: false,
  getters: false,
  maxArrayLength: 0,
  maxStringLength: 0,
} as const

/**
 * The state of a promise now, without waiting: nothing but `inspect` tells it (2 us). The value of
 * a fulfilled one is quoted or bracketed, so it cannot look like a state.
 */
export function stateOf(promise: Promise<unknown>): PromiseState {
  const [, state] = /^[^{]*\{\s+<(pending|rejected)>/.exec(inspect(promise, BRIEFLY)) ?? []
  return (state as PromiseState | undefined) ?? 'fulfilled'
}
