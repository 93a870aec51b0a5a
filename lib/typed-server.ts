import type { Namespace, RemoteSocket, Server, Socket } from 'socket.io'
import type {
  AnswerOf,
  ArgumentsBeforeAck,
  ArgumentsOf,
  EventsOf,
  MessageMap,
} from '../schemas/events.ts'
import type { AckOf } from '../schemas/priority.ts'

// Socket.IO's own types let an event be emitted either with a callback or without. Here each event
// may be emitted both ways: the callback is no part of the payload. Their methods come first, so
// that Socket.IO's are asked only for what these do not know.

/** Socket.IO's default for the events that clients send. */
type ClientEvents = Server extends Server<infer Events> ? Events : never

/** A Socket.IO server whose emits are typed by a message map. */
export type ServerOf<M extends MessageMap> = Emits<M> &
  Connections<M> &
  Operators<M> & { readonly sockets: NamespaceOf<M> } & Server<ClientEvents, EventsOf<M>>

/** A namespace whose emits are typed by a message map. */
export type NamespaceOf<M extends MessageMap> = Emits<M> &
  Connections<M> &
  Operators<M> &
  Namespace<ClientEvents, EventsOf<M>>

/** A socket of the server whose emits are typed by a message map. */
export type SocketOf<M extends MessageMap> = Emits<M> &
  EmitsToOne<M, []> &
  Rooms<M> & {
    readonly broadcast: OperatorOf<M>
    readonly local: OperatorOf<M>
    timeout(ms: number): TimedSocketOf<M>
  } & Socket<ClientEvents, EventsOf<M>>

type Plain<M extends MessageMap> = Server<ClientEvents, EventsOf<M>>

/** What `io.to()` and the like return. */
type OperatorOf<M extends MessageMap> = Emits<M> & Operators<M> & ReturnType<Plain<M>['to']>

type TimedOperatorOf<M extends MessageMap> = Emits<M> &
  Rooms<M, TimedOperatorOf<M>> &
  EmitsToMany<M> &
  ReturnType<Plain<M>['timeout']>

type TimedSocketOf<M extends MessageMap> = Emits<M> &
  TimedEmits<M> &
  ReturnType<Socket<ClientEvents, EventsOf<M>>['timeout']>

/** What `io.fetchSockets()` finds, on this node or another one. */
type RemoteSocketOf<M extends MessageMap> = Emits<M> & {
  timeout(
    ms: number,
  ): Emits<M> & TimedEmits<M> & ReturnType<RemoteSocket<EventsOf<M>, unknown>['timeout']>
} & Awaited<ReturnType<Plain<M>['fetchSockets']>>[number]

type Names<M extends MessageMap> = keyof M & string

type NamesWithAck<M extends MessageMap> = {
  [Event in Names<M>]: [AckOf<M[Event]>] extends [never] ? never : Event
}[Names<M>]

type NamesWithoutAck<M extends MessageMap> = Exclude<Names<M>, NamesWithAck<M>>

/** Without a callback. */
interface Emits<M extends MessageMap> {
  emit<Event extends Names<M>>(event: Event, ...args: ArgumentsOf<M[Event]>): boolean
}

/**
 * With a callback. What an event without an `ack` is answered is what the callback says, and
 * unknown where there is none.
 *
 * @typeParam Before what the callback is given before the answer
 */
interface EmitsToOne<M extends MessageMap, Before extends unknown[]> {
  emit<Event extends NamesWithAck<M>>(
    event: Event,
    ...args: [
      ...ArgumentsBeforeAck<M[Event]>,
      ack: (...answer: [...Before, ...AnswerOf<M[Event]>]) => void,
    ]
  ): boolean
  emit<Event extends NamesWithoutAck<M>, Answer extends unknown[]>(
    event: Event,
    ...args: [...ArgumentsBeforeAck<M[Event]>, ack: (...answer: [...Before, ...Answer]) => void]
  ): boolean
  emitWithAck<Event extends Names<M>>(
    event: Event,
    ...args: ArgumentsOf<M[Event]>
  ): Promise<FirstOf<M, Event>>
}

/** After `timeout()`. */
type TimedEmits<M extends MessageMap> = EmitsToOne<M, [error: Error]>

/** The same to many clients: what each answered first. */
interface EmitsToMany<M extends MessageMap> {
  emit<Event extends NamesWithAck<M>>(
    event: Event,
    ...args: [
      ...ArgumentsBeforeAck<M[Event]>,
      ack: (error: Error, answers: Array<FirstOf<M, Event>>) => void,
    ]
  ): boolean
  emit<Event extends NamesWithoutAck<M>, Answer>(
    event: Event,
    ...args: [...ArgumentsBeforeAck<M[Event]>, ack: (error: Error, answers: Answer[]) => void]
  ): boolean
  emitWithAck<Event extends Names<M>>(
    event: Event,
    ...args: ArgumentsOf<M[Event]>
  ): Promise<Array<FirstOf<M, Event>>>
}

type FirstOf<M extends MessageMap, Event extends Names<M>> = [AckOf<M[Event]>] extends [never]
  ? unknown
  : AnswerOf<M[Event]>[0]

type Room = string | string[]

interface Rooms<M extends MessageMap, Operator = OperatorOf<M>> {
  to(room: Room): Operator
  in(room: Room): Operator
  except(room: Room): Operator
}

interface Operators<M extends MessageMap> extends Rooms<M> {
  compress(compress: boolean): OperatorOf<M>
  readonly volatile: OperatorOf<M>
  readonly local: OperatorOf<M>
  timeout(ms: number): TimedOperatorOf<M>
  fetchSockets(): Promise<Array<RemoteSocketOf<M>>>
}

interface Connections<M extends MessageMap> {
  on(event: 'connection' | 'connect', listener: (socket: SocketOf<M>) => void): this
  once(event: 'connection' | 'connect', listener: (socket: SocketOf<M>) => void): this
  use(middleware: (socket: SocketOf<M>, next: (error?: Error) => void) => void): this
}
