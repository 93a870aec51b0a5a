import type { z } from 'zod'
import type { AckOf, Schema } from './priority.ts'

/** Annotated schemas by event name. A schema describes the payload, a tuple all arguments. */
export type MessageMap = Readonly<Record<string, Schema>>

/** Message maps by namespace; a `Map` may have patterns as keys, for dynamic namespaces. */
export type NamespaceMap =
  | Readonly<Record<string, MessageMap>>
  | ReadonlyMap<string | RegExp, MessageMap>

/** Arguments of an emit whose schema is `S`: a tuple describes all of them, else the only one. */
export type ArgumentsOf<S extends Schema> = S extends z.core.$ZodTuple
  ? z.input<S>
  : PayloadOf<z.input<S>>

type PayloadOf<P> = undefined extends P ? [payload?: P] : [payload: P]

/** The same before a callback, which may take the place of a payload that is left out. */
export type ArgumentsBeforeAck<S extends Schema> = S extends z.core.$ZodTuple
  ? z.input<S>
  : undefined extends z.input<S>
    ? [] | [payload: z.input<S>]
    : [payload: z.input<S>]

/** As a client hears it: without a payload that is nothing, of z.void() and z.undefined(). */
type HeardBeforeAck<S extends Schema> = 0 extends 1 & z.input<S>
  ? ArgumentsOf<S>
  : ArgumentsOf<S> extends [payload?: void]
    ? []
    : ArgumentsOf<S>

/** The arguments of the callback, by the schema of an event; of several branches, of any of them. */
export type AnswerOf<S extends Schema> =
  AckOf<S> extends infer A extends Schema ? (A extends Schema ? ArgumentsOf<A> : never) : never

/**
 * Socket.IO's server-to-client events of a message map, for its generics on both sides. As there,
 * the callback of an event that has an `ack` is its last argument.
 */
export type EventsOf<M extends MessageMap> = {
  [Event in keyof M & string]: [AckOf<M[Event]>] extends [never]
    ? (...args: ArgumentsOf<M[Event]>) => void
    : (...args: [...HeardBeforeAck<M[Event]>, ack: (...answer: AnswerOf<M[Event]>) => void]) => void
}
