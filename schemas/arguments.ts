import { z } from 'zod'
import { attachOptions } from './options.ts'
import { isPlain } from './own-keys.ts'
import { shutdownOptions } from './shutdown-options.ts'

/** Schemas of arguments of the handle's methods, for `parseOptions`. */

export const clientId = z
  .string()
  .meta({ allowed: 'a string, the id of a client or of one of its sockets' })

export const exemption = z.boolean()

export const mode = attachOptions.shape.mode.unwrap()

/** The author of a policy change, for the log. */
export const policyAuthor = z
  .custom<object>(isPlain)
  .meta({ allowed: 'a plain object, for the log' })
  .optional()

/** Overrides of the option `shutdown`. */
export const shutdownPace = z
  .strictObject({
    deadline: shutdownOptions.shape.deadline.unwrap(),
    spread: shutdownOptions.shape.spread.unwrap(),
  })
  .partial()

/** The name of a namespace; Socket.IO itself would turn any value into one. */
export const namespaceName = z
  .custom<string>(
    (value) => typeof value === 'string' || value instanceof RegExp || typeof value === 'function',
  )
  .meta({ allowed: 'the name of a namespace; a pattern or a function, as of io.of()' })
