import type { Namespace, Server, Socket } from 'socket.io'
import type { EventsOf, MessageMap, NamespaceMap } from '../schemas/events.ts'
import type { Logger } from '../schemas/options.ts'
import type { ShedSummary } from './episode.ts'
import type { ShutdownPace } from './shutdown.ts'
import type { ClosedSummary } from './undelivered.ts'
import type { Bytes, Millis } from './units.ts'

/** Socket.IO's default for the events that clients send. */
type ClientEvents = Server extends Server<infer Events> ? Events : never

/** A Socket.IO server whose emits are typed by a message map. */
export type ServerOf<M extends MessageMap> = Server<ClientEvents, EventsOf<M>>

/** A namespace whose emits are typed by a message map. */
export type NamespaceOf<M extends MessageMap> = Namespace<ClientEvents, EventsOf<M>>

/** Options of `attach`; prose, defaults and ranges are in the README's table. */
export interface SpillwayOptions<
  M extends MessageMap = MessageMap,
  N extends NamespaceMap = NamespaceMap,
> {
  messages?: M
  namespaces?: N
  mode?: 'enforce' | 'observe'
  validate?: 'report' | 'throw' | 'off'
  watermarks?: { low?: Bytes; high?: Bytes; limit?: Bytes; emergency?: Bytes }
  maxAge?: Millis
  stallAfter?: Millis
  grace?: Millis
  tickBudget?: Millis
  budget?: Bytes
  closedHistory?: number
  admission?: { loopDelay?: Millis; retryAfter?: Millis }
  shutdown?: Partial<ShutdownPace>
  onShed?: (socket: Socket, summary: ShedSummary) => unknown
  onClosed?: (socket: Socket, summary: ClosedSummary) => unknown
  gapEvent?: string
  log?: Logger
}
