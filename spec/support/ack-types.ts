import { Server } from 'socket.io'
import type { Socket as ClientSocket } from 'socket.io-client'
import { z } from 'zod'
import {
  attach,
  cosmetic,
  critical,
  type EventsOf,
  type NamespaceOf,
  type ServerOf,
  type SocketOf,
} from '../../lib/index.ts'

// Held by the type check, and by types.spec.ts, which proves that each mark below is needed.
// Nothing here runs.

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function holds<_Fact extends true>(): void {}

const seat = z.object({ kind: z.literal('seat'), seat: z.int() })
const talk = z.object({ kind: z.literal('talk'), text: z.string() })
const quiet = z.object({ kind: z.literal('quiet') })

const messages = {
  won: critical(z.object({ n: z.number() }), { ack: z.string() }),
  frame: cosmetic(z.object({ n: z.number() }), {
    conflateBy: 'n',
    ack: z.tuple([z.string(), z.number()]),
  }),
  moved: critical(z.tuple([z.string(), z.number()]), { ack: z.boolean() }).refine(() => true),
  ended: critical(z.undefined(), { ack: z.undefined() }),
  begun: critical(z.void(), { ack: z.string() }),
  calm: critical(z.void()),
  paused: critical(z.object({ n: z.number() })),
  tick: critical(z.number().optional()),
  table: z.discriminatedUnion('kind', [
    critical(seat, { ack: z.string() }),
    cosmetic(talk, { ack: z.number() }),
    cosmetic(quiet),
  ]),
}

type Events = EventsOf<typeof messages>
const spillway = attach(new Server(), { messages, namespaces: { '/lobby': messages } })
const { io } = spillway

/** Alike on the server, its main namespace and another one. */
export async function toMany(
  each: ServerOf<typeof messages> | NamespaceOf<typeof messages>,
): Promise<void> {
  for (const emitter of [io, io.sockets, spillway.of('/lobby')] as const) {
    emitter.emit('won', { n: 1 })
    emitter.emit('moved', 'knight', 1)
    emitter.emit('table', { kind: 'seat', seat: 1 })
    emitter.to('vip').in(['a', 'b']).except('bots').volatile.local.emit('won', { n: 1 })
    emitter.compress(false).emit('frame', { n: 1 })
    emitter.timeout(5).emit('won', { n: 1 }, (error, answers) => {
      holds<Equal<typeof error, Error>>()
      holds<Equal<typeof answers, string[]>>()
    })
    emitter
      .timeout(5)
      .to('vip')
      .emit('moved', 'knight', 1, (_error, answers) => {
        holds<Equal<typeof answers, boolean[]>>()
      })
    emitter
      .to('vip')
      .timeout(5)
      .emit('table', { kind: 'talk', text: 'hi' }, (_error, answers) => {
        holds<Equal<typeof answers, Array<string | number>>>()
      })
    emitter.timeout(5).emit('paused', { n: 1 }, (_error, answers) => {
      holds<Equal<typeof answers, unknown[]>>()
    })
    emitter.timeout(5).emit('paused', { n: 1 }, (_error, answers: boolean[]) => answers)
    const won = await emitter.timeout(5).emitWithAck('won', { n: 1 })
    holds<Equal<typeof won, string[]>>()
    const frame = await emitter.to('vip').timeout(5).emitWithAck('frame', { n: 1 })
    holds<Equal<typeof frame, string[]>>()
    emitter.emit('begun')
    emitter.emit('begun', undefined)
    emitter.timeout(5).emit('begun', (_error, answers) => {
      holds<Equal<typeof answers, string[]>>()
    })
    emitter.timeout(5).emit('begun', undefined, (_error, answers) => {
      holds<Equal<typeof answers, string[]>>()
    })
    emitter.timeout(5).emit('calm', undefined, (_error, answers: number[]) => answers)
    emitter.timeout(5).emit('calm', (_error, answers) => {
      holds<Equal<typeof answers, unknown[]>>()
    })
    emitter.timeout(5).emit('tick', (_error, answers: number[]) => answers)
    const begun = await emitter.timeout(5).emitWithAck('begun', undefined)
    holds<Equal<typeof begun, string[]>>()
    const ended = await emitter.timeout(5).emitWithAck('ended')
    holds<Equal<typeof ended, undefined[]>>()
    const paused = await emitter.timeout(5).emitWithAck('paused', { n: 1 })
    holds<Equal<typeof paused, unknown[]>>()
    emitter.in('vip').socketsJoin('a')
    emitter.use((socket, next) => {
      socket.emit('won', { n: 1 }, (answer: string) => answer)
      next(new Error('no'))
    })
    emitter.on('connection', (socket) => {
      socket.emit('won', { n: 1 }, (answer: string) => answer)
    })
    for (const remote of await emitter.fetchSockets()) {
      remote.emit('won', { n: 1 })
      remote.timeout(5).emit('won', { n: 1 }, (_error, answer: string) => answer)
      holds<Equal<typeof remote.id, string>>()
    }
  }

  each.emit('won', { n: 1 })
  // @ts-expect-error the callback of a timeout is told of it first
  io.timeout(5).emit('won', { n: 1 }, (answers: string[]) => answers)
  // @ts-expect-error answers of another type
  io.timeout(5).emit('won', { n: 1 }, (_error: Error, answers: number[]) => answers)
  // @ts-expect-error the wrong payload
  io.timeout(5).emit('won', { n: '1' }, (_error: Error, answers: string[]) => answers)
  // @ts-expect-error the wrong payload of an event without an ack
  io.timeout(5).emit('paused', { n: '1' }, (_error: Error, answers: string[]) => answers)
  // @ts-expect-error the wrong payload, for a promise
  io.timeout(5).emitWithAck('won', { n: '1' })
  // @ts-expect-error an unknown event
  io.timeout(5).emitWithAck('lost', { n: 1 })
  // @ts-expect-error without a timeout, nobody's answer would be waited for
  io.emit('won', { n: 1 }, (answer: string) => answer)
}

export async function toOne(socket: SocketOf<typeof messages>): Promise<void> {
  socket.emit('won', { n: 1 })
  socket.emit('won', { n: 1 }, (answer) => {
    holds<Equal<typeof answer, string>>()
  })
  socket.emit('frame', { n: 1 }, (first, second) => {
    holds<Equal<[typeof first, typeof second], [string, number]>>()
  })
  socket.emit('ended', () => {})
  socket.emit('ended', undefined, () => {})
  socket.emit('begun', (answer) => {
    holds<Equal<typeof answer, string>>()
  })
  socket.emit('begun', undefined, (answer) => {
    holds<Equal<typeof answer, string>>()
  })
  socket.timeout(5).emit('calm', undefined, (_error, answer: boolean) => answer)
  socket.timeout(5).emit('calm', (error, answer: boolean) => {
    holds<Equal<[typeof error, typeof answer], [Error, boolean]>>()
  })
  await socket.emitWithAck('begun')
  await socket.timeout(5).emitWithAck('begun', undefined)
  socket.emit('tick', (answer: boolean) => answer)
  socket.emit('tick', undefined, (answer: boolean) => answer)
  socket.emit('tick', 1, (answer: boolean) => answer)
  socket.emit('paused', { n: 1 }, (answer: boolean) => answer)
  socket.emit('paused', { n: 1 }, (answer) => {
    holds<Equal<typeof answer, unknown>>()
  })
  socket.volatile.compress(true).emit('won', { n: 1 }, (answer: string) => answer)
  socket.broadcast.emit('won', { n: 1 })
  socket.to('vip').emit('won', { n: 1 })
  socket.broadcast.timeout(5).emit('won', { n: 1 }, (_error, answers: string[]) => answers)
  socket.timeout(5).emit('won', { n: 1 }, (error, answer) => {
    holds<Equal<[typeof error, typeof answer], [Error, string]>>()
  })
  socket.timeout(5).emit('paused', { n: 1 }, (_error, answer: boolean) => answer)
  const won = await socket.emitWithAck('won', { n: 1 })
  holds<Equal<typeof won, string>>()
  const moved = await socket.timeout(5).emitWithAck('moved', 'knight', 1)
  holds<Equal<typeof moved, boolean>>()
  const table = await socket.emitWithAck('table', { kind: 'quiet' })
  holds<Equal<typeof table, string | number>>()
  const paused = await socket.emitWithAck('paused', { n: 1 })
  holds<Equal<typeof paused, unknown>>()
  socket.on('any event of a client', () => {})
  await socket.join('vip')

  // @ts-expect-error a payload of what has none
  socket.emit('begun', 1, (answer: string) => answer)
  // @ts-expect-error an answer of another type
  socket.emit('won', { n: 1 }, (answer: number) => answer)
  // @ts-expect-error the payload is missing
  socket.emit('won', (answer: string) => answer)
  // @ts-expect-error the payload is missing, for a promise
  socket.emitWithAck('won')
  // @ts-expect-error a callback beside the promise
  socket.emitWithAck('won', { n: 1 }, () => {})
  // @ts-expect-error an argument of a tuple is missing
  socket.emit('moved', 'knight', (answer: boolean) => answer)
  // @ts-expect-error the callback of a timeout is told of it first
  socket.timeout(5).emit('won', { n: 1 }, (answer: string) => answer)
  // @ts-expect-error no callback
  socket.emit('paused', { n: 1 }, 'answer')
}

export function annotations(): void {
  // @ts-expect-error no schema
  critical(z.string(), { ack: 'string' })
  // @ts-expect-error an option of cosmetic()
  critical(z.string(), { maxAge: 5 })
  // @ts-expect-error a key that the payload does not have
  cosmetic(z.object({ n: z.number() }), { conflateBy: 'm', ack: z.string() })
}

/** In Socket.IO's own generics the callback is the last argument, as it is there without zod. */
export function generics(plain: Server<object, Events>, client: ClientSocket<Events>): void {
  holds<Equal<Parameters<Events['begun']>, [ack: (answer: string) => void]>>()
  holds<Equal<Parameters<Events['won']>, [payload: { n: number }, ack: (answer: string) => void]>>()
  holds<Equal<Parameters<Events['paused']>, [payload: { n: number }]>>()
  void plain.timeout(5).emitWithAck('won', { n: 1 })
  client.on('won', ({ n }, ack) => ack(String(n)))
  client.on('frame', ({ n }, ack) => ack(String(n), n))
  // @ts-expect-error an answer of another type
  client.on('won', ({ n }, ack) => ack(n))
}
