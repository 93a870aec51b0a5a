import { getHeapStatistics } from 'node:v8'
import { type Bytes, MiB } from '../lib/base/units.ts'

/**
 * What of V8's heap limit is for young objects: three semi-spaces of 16 MiB, unless
 * `--max-semi-space-size` says otherwise. What waits for clients gets old, and has no place there.
 */
const YOUNG_GENERATION: Bytes = 48 * MiB
const LEAST: Bytes = MiB
/** Clients are closed at one and a half times that, and the rest is for the application. */
const SHARE = 1 / 4

/** @param heapLimit `heap_size_limit` of V8: of old and young objects together */
export function defaultBudget(heapLimit: Bytes = getHeapStatistics().heap_size_limit): Bytes {
  return Math.max(LEAST, Math.round(SHARE * (heapLimit - YOUNG_GENERATION)))
}
