import type { Bytes, Millis } from '../base/units.ts'

/** A client that memory is held for. */
export interface Holder {
  /** Memory that is held for it, shared or not. */
  readonly held: Bytes
  /** Time without proven progress. */
  readonly stuckFor: Millis
}

/** Longer than between two markers of a client that something waits for. */
const NO_PROGRESS: Millis = 1000
/** Who makes no progress counts for so many times what it holds. */
const STUCK = 4

/**
 * Chooses whom to close so that memory is freed: the fewest and the least deserving. Nobody goes who
 * holds less than the mean of those that are left; of the others those with the largest backlog
 * first, and of a client without progress it counts fourfold. What is shared is freed only with the
 * last who holds it, so that the choice may free less than it seems; then more go the next time.
 *
 * @param excess bytes to be freed
 */
export function leastDeserving<H extends Holder>(holders: readonly H[], excess: Bytes): H[] {
  const chosen: H[] = []
  let left = [...holders].sort((a, b) => blame(b) - blame(a))
  let held = 0
  for (const each of left) held += each.held
  for (let excessive = excess; excessive > 0 && left.length > 0; ) {
    const spared: H[] = []
    const mean = held / left.length
    for (const each of left) {
      if (excessive <= 0 || each.held < mean) spared.push(each)
      else {
        chosen.push(each)
        excessive -= each.held
        held -= each.held
      }
    }
    if (spared.length === left.length) break
    left = spared
  }
  return chosen
}

function blame({ held, stuckFor }: Holder): number {
  return stuckFor >= NO_PROGRESS ? STUCK * held : held
}
