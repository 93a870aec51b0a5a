import { z } from 'zod'
import type { Millis } from '../lib/base/units.ts'
import { span } from './option-parts.ts'

export const admissionOptions = z
  .strictObject({
    loopDelay: z
      .int()
      .min(10)
      .max(60_000)
      .meta({ unit: 'milliseconds' })
      .optional()
      .describe(
        'Milliseconds by which the event loop may be late, averaged over about half a second. Above it new clients are refused, until it is below half of it. Default: it does not matter.',
      ),
    retryAfter: span
      .default(5000)
      .describe(
        'Milliseconds after which a refused client may try again, at the least; each is told another time, up to twice that.',
      ),
  })
  .describe(
    'Refuses new clients while the process is over its byte budget or its event loop is late. Without it only a shutdown refuses anybody, and, for up to 40 s, whoever comes back to be sent more on connecting than the budget allows.',
  )

/** When clients that a shutdown refuses may come back, without the option `admission`. */
export const RETRY_AFTER: Millis = admissionOptions.parse({}).retryAfter
