import { z } from 'zod'
import { KiB, MiB } from '../lib/base/units.ts'
import { isPlain } from './own-keys.ts'

/** Schemas that several options share. */

/** A size: 1 KiB to 1 GiB. */
export const bytes = z
  .int()
  .min(KiB)
  .max(1024 * MiB)
  .meta({ unit: 'bytes' })
/** A span of time: 100 ms to an hour. */
export const span = z.int().min(100).max(3_600_000).meta({ unit: 'milliseconds' })

export function callable<F>() {
  return z.custom<F>((value) => typeof value === 'function').meta({ allowed: 'a function' })
}

/** A plain object whose content is not checked. @param allowed what it is, in words */
export function objectOf<T extends object>(allowed: string) {
  return z.custom<T>(isPlain).meta({ allowed })
}
