import { inspect } from 'node:util'

export type PromiseState = 'pending' | 'fulfilled' | 'rejected'

/** Options that run no code of the promise's value, and do not print it at length. */
const BRIEFLY = {
  depth: 0,
  customInspect: false,
  getters: false,
  maxArrayLength: 0,
  maxStringLength: 0,
} as const

/**
 * The state of a promise at this moment. `inspect` is the only synchronous way to learn it (2 us). A
 * value is printed in quotes or brackets, so no value can be mistaken for a state.
 */
export function stateOf(promise: Promise<unknown>): PromiseState {
  const [, state] = /^[^{]*\{\s+<(pending|rejected)>/.exec(inspect(promise, BRIEFLY)) ?? []
  return (state as PromiseState | undefined) ?? 'fulfilled'
}
