import type { Namespace, Server, Socket } from 'socket.io'
import type { z } from 'zod'
import type { Logger } from '../schemas/options.ts'
import type { Schema } from '../schemas/priority.ts'
import type { ShedSummary } from './episode.ts'
import type { MessageMap, NamespaceMap } from './messages.ts'
import type { ShutdownPace } from './shutdown.ts'
import type { ClosedSummary } from './undelivered.ts'
import type { Bytes, Millis } from './units.ts'

/** Arguments of an emit whose schema is `S`: a tuple describes all of them, else the only one. */
type ArgumentsOf<S extends Schema> = S extends z.core.$ZodTuple ? z.input<S> : PayloadOf<z.input<S>>

type PayloadOf<P> = 0 extends 1 & P
  ? [payload?: P]
  : [P] extends [void] // z.void() and z.undefined()
    ? []
    : undefined extends P
      ? [payload?: P]
      : [payload: P]

/** Socket.IO's server-to-client events of a message map, for its generics. */
export type EventsOf<M extends MessageMap> = {
  [Event in keyof M & string]: (...args: ArgumentsOf<M[Event]>) => void
}

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
