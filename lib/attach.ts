import type { Server } from 'socket.io'
import type { MessageMap, NamespaceMap } from '../schemas/events.ts'
import { attachOptions } from '../schemas/options.ts'
import { parseOptions } from '../schemas/parse-options.ts'
import { checkShutdown } from '../schemas/shutdown-options.ts'
import { checkGapEvent, checkServer } from './attach-checks.ts'
import { markAttached } from './attached.ts'
import { CompiledMessages } from './classify/compiled-messages.ts'
import { LivePolicy } from './live-policy.ts'
import { Parts } from './parts.ts'
import { Spillway } from './spillway.ts'
import type { SpillwayOptions } from './spillway-options.ts'

/**
 * Puts every message that a Socket.IO server sends under a per-client scheduler.
 *
 * @param io a Server of socket.io, listening or not, with or without connections
 * @param given see {@link SpillwayOptions}; parsed once, never changed
 * @throws SpillwayError with a stable code if the server or an option can't be used
 */
export function attach<
  const M extends MessageMap = Record<never, never>,
  const N extends NamespaceMap = Record<never, never>,
>(io: Server, given: SpillwayOptions<M, N> = {}): Spillway<M, N> {
  const options = parseOptions(attachOptions, given)
  const policy = new LivePolicy(options)
  const messages = new CompiledMessages(
    options.messages as MessageMap,
    options.namespaces as NamespaceMap,
  )
  checkShutdown(options.shutdown)
  if (options.gapEvent !== undefined) checkGapEvent(options.gapEvent, messages)
  const server = checkServer(io)
  const parts = new Parts(server, options, policy.limits, messages)
  const spillway = new Spillway<M, N>(io, policy, parts)
  markAttached(io, spillway)
  return spillway
}
