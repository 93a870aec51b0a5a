/**
 * The latest tick in which something happened, and whether it happened more than once: a number, so
 * that a record costs its owner no object.
 *
 * One message is written where it is emitted, several of one tick together when the tick ends. How
 * many a tick brings is guessed from the one before.
 */
export type TickRecord = number

/** Before the first tick: the first message is taken for the only one of its tick. */
export const NO_TICK: TickRecord = 0

/** The record after something happened in a tick. */
export function recordOf(before: TickRecord, tick: number): TickRecord {
  return isIn(before, tick) ? tickStart(tick) + 1 : tickStart(tick)
}

/** Whether what happens in a tick now is likely to be the only such thing of it. */
export function isLikelyAlone(before: TickRecord, tick: number): boolean {
  return !isIn(before, tick) && before % 2 === 0
}

function isIn(record: TickRecord, tick: number): boolean {
  return record - (record % 2) === tickStart(tick)
}

function tickStart(tick: number): TickRecord {
  return 2 * tick
}
