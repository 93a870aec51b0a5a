import { z } from 'zod'
import { refuse, verbatim } from '../lib/base/errors.ts'

export const shutdownOptions = z
  .strictObject({
    deadline: z
      .int()
      .min(0)
      .max(3_600_000)
      .meta({ unit: 'milliseconds' })
      .default(5000)
      .describe(
        'Milliseconds that a shutdown may take to send what is critical and to close the clients; who is left then is terminated.',
      ),
    spread: z
      .int()
      .min(0)
      .max(3_600_000)
      .meta({ unit: 'milliseconds' })
      .default(0)
      .describe(
        'Milliseconds over which the clients are closed, so that they do not all reconnect at once; at most `deadline`.',
      ),
  })
  .describe('How clients are closed when the server shuts down.')

/**
 * Checks what the schema cannot: the relation of two options.
 *
 * @returns the options themselves
 * @throws SpillwayError SPILLWAY_INVALID_OPTION
 */
export function checkShutdown(given: z.output<typeof shutdownOptions>) {
  const { deadline, spread } = given
  if (spread <= deadline) return given
  throw refuse(
    'SPILLWAY_INVALID_OPTION',
    'shutdown.spread',
    verbatim(`${spread} with deadline ${deadline}`),
    'at most shutdown.deadline',
  )
}
