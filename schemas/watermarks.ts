import { z } from 'zod'
import { refuse, verbatim } from '../lib/base/errors.ts'
import { type Bytes, KiB } from '../lib/base/units.ts'
import { bytes } from './option-parts.ts'

export const watermarks = z
  .strictObject({
    low: bytes
      .default(64 * KiB)
      .describe('Bytes buffered for a client below which it is no longer congested.'),
    high: bytes
      .default(128 * KiB)
      .describe(
        'Bytes buffered for a client above which it is congested, and cosmetic messages are shed, unless its path carries them within `watermarks.horizon`.',
      ),
    limit: bytes
      .default(512 * KiB)
      .describe(
        'Bytes buffered for a client above which it is closed if it makes no progress for `stallAfter`.',
      ),
    emergency: bytes
      .optional()
      .describe(
        'Bytes buffered for a client above which it is closed when it is sent more and takes none of it in 0.08 of `stallAfter`. What one turn of the event loop brings to a client that has caught up does not count, and one that takes what it is sent may have more. Default: 8 times `limit`.',
      ),
    horizon: z
      .int()
      .min(0)
      .max(60_000)
      .meta({ unit: 'milliseconds' })
      .default(500)
      .describe(
        'Milliseconds, beyond a round trip, within which a path that carries what is buffered is not congested, though that be above `high`: up to `limit`, and what a long path holds beside that, but no more than half of `emergency`. `high` rises with the rate of each client, and not at all above the byte budget. `0`: the bytes alone count.',
      ),
  })
  .describe('What is buffered for one client, at which something happens to it.')

export type Watermarks = Record<'low' | 'high' | 'limit' | 'emergency', Bytes>

type GivenWatermarks = Omit<Watermarks, 'emergency'> & { readonly emergency?: Bytes | undefined }

/**
 * @returns the watermarks, with the default of `emergency`
 * @throws SpillwayError SPILLWAY_WATERMARK_ORDER
 */
export function checkWatermarks<G extends GivenWatermarks>(given: G): G & Watermarks {
  const all = { ...given, emergency: given.emergency ?? 8 * given.limit }
  const names = ['low', 'high', 'limit', 'emergency'] as const
  for (const [index, name] of names.entries()) {
    const next = names[index + 1]
    if (next === undefined || all[name] < all[next]) continue
    throw refuse(
      'SPILLWAY_WATERMARK_ORDER',
      `watermarks.${name}`,
      verbatim(`${all[name]} with ${next} ${all[next]}`),
      'low < high < limit < emergency',
    )
  }
  return all
}
