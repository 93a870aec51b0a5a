import { getHeapStatistics } from 'node:v8'
import { type Bytes, MiB } from '../lib/base/units.ts'

/**
 * The part of V8's heap limit for young objects: three semi-spaces of 16 MiB by default
 * (`--max-semi-space-size`). Messages that wait get old and leave it, so it is no part of the budget.
 */
const YOUNG_GENERATION: Bytes = 48 * MiB
const LEAST: Bytes = MiB
/** Share of the heap. Clients are closed at 1.5 times the budget; the rest is for the application. */
const SHARE = 1 / 4

/** @param heapLimit `heap_size_limit` of V8: of old and young objects together */
export function defaultBudget(heapLimit: Bytes = getHeapStatistics().heap_size_limit): Bytes {
  return Math.max(LEAST, Math.round(SHARE * (heapLimit - YOUNG_GENERATION)))
}
