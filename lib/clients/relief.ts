import type { Bytes, Millis } from '../base/units.ts'

/** A client for which memory is held. */
export interface Holder {
  /** Bytes held for the client, including those that others share. */
  readonly held: Bytes
  /** Time without proven progress. */
  readonly stuckFor: Millis
}

/** Longer than the interval between two markers of a client for which messages wait. */
const NO_PROGRESS: Millis = 1000
/** Factor on the bytes of a client without progress. */
const STUCK = 4

/**
 * Chooses the clients to close to free memory: as few as possible, those with the largest backlog
 * first. The backlog of a client without progress counts fourfold, and no client is chosen with less
 * than the mean of the others. Shared bytes become free only with their last holder, so the choice may
 * free less than it seems; the next search chooses further clients then.
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
