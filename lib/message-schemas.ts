/**
 * The entry `fastify-spillway/messages`: what annotates schemas, for code that a server and a page
 * share. It needs zod and nothing of Node.
 */
export type { EventsOf, MessageMap, NamespaceMap } from '../schemas/events.ts'
export type {
  ConflationKey,
  CosmeticOptions,
  CriticalOptions,
  Priority,
  WithAck,
} from '../schemas/priority.ts'
export { cosmetic, critical, priorities } from '../schemas/priority.ts'
export { type ErrorCode, SpillwayError } from './base/errors.ts'
