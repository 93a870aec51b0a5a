import { z } from 'zod'
import { bytes, span } from './option-parts.ts'
import { attachOptions } from './options.ts'
import { watermarks } from './watermarks.ts'

/** What may be changed while the server runs; what is left out stays as it is. */
export const policyChange = z
  .strictObject({
    mode: attachOptions.shape.mode.unwrap(),
    watermarks: z
      .strictObject({
        low: watermarks.shape.low.unwrap(),
        high: watermarks.shape.high.unwrap(),
        limit: watermarks.shape.limit.unwrap(),
        emergency: watermarks.shape.emergency.unwrap(),
      })
      .partial(),
    maxAge: attachOptions.shape.maxAge.unwrap(),
  })
  .partial()
export type PolicyChange = z.output<typeof policyChange>

export const policy = z.object({
  mode: attachOptions.shape.mode.unwrap(),
  watermarks: z.object({ low: bytes, high: bytes, limit: bytes, emergency: bytes }),
  maxAge: span,
})
export type Policy = z.output<typeof policy>
