import type { Server } from 'socket.io'
import { z } from 'zod'
import type spillwayPlugin from '../../lib/index.ts'
import {
  attach,
  type ClientStats,
  type CosmeticOptions,
  cosmetic,
  critical,
  type ErrorCode,
  type EventsOf,
  type Spillway,
  type SpillwayOptions,
} from '../../lib/index.ts'

// Held by the type check, and by types.spec.ts, which proves that each mark below is needed.
// Nothing here runs.

type Equal<A, B> =
  (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false
function holds<_Fact extends true>(): void {}

const won = z.object({ game: z.string(), amount: z.number() })
const seat = z.object({ kind: z.literal('seat'), seat: z.int() })
const chatter = z.object({ kind: z.literal('chatter'), text: z.string() })
const messages = {
  'jackpot:won': critical(won),
  'reel:frame': cosmetic(z.object({ game: z.string(), frame: z.number() }), {
    conflateBy: 'game',
    maxAge: 2000,
  }),
  'table:state': z.discriminatedUnion('kind', [critical(seat), cosmetic(chatter)]),
  'round:ended': critical(z.undefined()),
  'round:begun': critical(z.void()),
  'tick:now': cosmetic(z.number().optional()),
  'pair:moved': cosmetic(z.tuple([z.string(), z.number()]), { conflateBy: '0' }),
  'stake:set': critical(z.string().transform(Number)),
  anything: critical(z.any()),
}
const lobby = { hello: cosmetic(z.string()) }

declare const server: Server

export function emits(): void {
  const spillway = attach(server, { messages, namespaces: { '/lobby': lobby } })
  const { io } = spillway

  io.emit('jackpot:won', { game: 'aurora', amount: 1 })
  io.to('vip').except('bots').emit('jackpot:won', { game: 'aurora', amount: 1 })
  io.emit('reel:frame', { game: 'aurora', frame: 1 })
  io.emit('table:state', { kind: 'chatter', text: 'hi' })
  io.emit('round:ended')
  io.emit('round:ended', undefined)
  io.to('vip').emit('round:begun')
  io.to('vip').emit('round:begun', undefined)
  io.emit('tick:now')
  io.emit('tick:now', 1)
  io.emit('pair:moved', 'knight', 3)
  io.emit('stake:set', '5')
  io.emit('anything', Symbol('x'))
  io.emit('anything')
  io.on('connection', (socket) => {
    socket.emit('jackpot:won', { game: 'aurora', amount: 1 })
    // @ts-expect-error an unknown event
    socket.emit('jackpot:lost', {})
    socket.on('any event of a client', () => {})
  })

  // @ts-expect-error an unknown event
  io.emit('jackpot:lost', { game: 'aurora', amount: 1 })
  // @ts-expect-error an unknown event, in a room
  io.to('vip').emit('jackpot:lost', {})
  // @ts-expect-error a property of the wrong type
  io.emit('jackpot:won', { game: 'aurora', amount: '1' })
  // @ts-expect-error a property is missing
  io.emit('jackpot:won', { game: 'aurora' })
  // @ts-expect-error a property too many
  io.emit('jackpot:won', { game: 'aurora', amount: 1, extra: true })
  // @ts-expect-error a payload of what has none
  io.emit('round:begun', 1)
  // @ts-expect-error no payload
  io.emit('jackpot:won')
  // @ts-expect-error two payloads
  io.emit('jackpot:won', { game: 'aurora', amount: 1 }, 2)
  // @ts-expect-error the wrong payload, in a room
  io.to('vip').emit('reel:frame', { game: 'aurora' })
  // @ts-expect-error no branch of the union
  io.emit('table:state', { kind: 'emote', text: 'hi' })
  // @ts-expect-error the property of another branch
  io.emit('table:state', { kind: 'seat', text: 'hi' })
  // @ts-expect-error a payload where there is none
  io.emit('round:ended', 1)
  // @ts-expect-error the arguments of a tuple are not one array
  io.emit('pair:moved', ['knight', 3])
  // @ts-expect-error an argument of a tuple is missing
  io.emit('pair:moved', 'knight')
  // @ts-expect-error what goes in, not what the transform makes of it
  io.emit('stake:set', 5)
  // @ts-expect-error an event of another namespace
  io.emit('hello', 'x')

  spillway.of('/lobby').emit('hello', 'x')
  spillway.of('/lobby').to('vip').emit('hello', 'x')
  // @ts-expect-error an unknown event of a namespace
  spillway.of('/lobby').emit('goodbye', 'x')
  // @ts-expect-error the wrong payload in a namespace
  spillway.of('/lobby').emit('hello', 1)
  // @ts-expect-error an event of the main namespace
  spillway.of('/lobby').emit('jackpot:won', { game: 'aurora', amount: 1 })
  // @ts-expect-error a namespace without a map
  spillway.of('/bar')
}

export function types(): void {
  type Events = EventsOf<typeof messages>
  holds<Equal<keyof Events, keyof typeof messages>>()
  holds<Equal<Parameters<Events['jackpot:won']>, [payload: z.input<typeof won>]>>()
  holds<Equal<Parameters<Events['round:ended']>, [payload?: undefined]>>()
  holds<Equal<Parameters<Events['tick:now']>, [payload?: number | undefined]>>()
  holds<Equal<Parameters<Events['pair:moved']>, [string, number]>>()
  holds<Equal<Parameters<Events['stake:set']>, [payload: string]>>()
  // @ts-expect-error an unknown event
  holds<Equal<Events['jackpot:lost'], never>>()
  // @ts-expect-error the payload of another event
  holds<Equal<Parameters<Events['stake:set']>, [payload: number]>>()

  const event: keyof Events = 'reel:frame'
  // @ts-expect-error an unknown event
  const unknown: keyof Events = 'reel:stop'
  const code: ErrorCode = 'SPILLWAY_INVALID_OPTION'
  // @ts-expect-error an unknown code
  const other: ErrorCode = 'SPILLWAY_OTHER'
  void [event, unknown, code, other]
}

export function annotations(): void {
  holds<Equal<ReturnType<typeof critical<typeof won>>, typeof won>>()
  cosmetic(won, { conflateBy: ({ game }) => game })
  cosmetic(won, { conflateBy: ({ game, amount }) => (amount > 0 ? game : undefined) })
  // @ts-expect-error a key that the payload does not have
  cosmetic(won, { conflateBy: 'table' })
  // @ts-expect-error a function of another payload
  cosmetic(won, { conflateBy: ({ table }) => table })
  // @ts-expect-error a key that is no scalar
  cosmetic(won, { conflateBy: (payload) => payload })
  // @ts-expect-error an asynchronous key
  cosmetic(won, { conflateBy: async ({ game }) => game })
  // @ts-expect-error an unknown option
  cosmetic(won, { ttl: 2000 })
  // @ts-expect-error no such policy
  cosmetic(won, { drop: 'all' })
  // @ts-expect-error a span with its unit
  cosmetic(won, { maxAge: '2s' })
  // @ts-expect-error no schema
  critical({ game: 'aurora' })
  const options: CosmeticOptions<typeof won> = { conflateBy: 'amount' }
  void options
}

export function options(register: (plugin: typeof spillwayPlugin) => void): void {
  const all: SpillwayOptions = { mode: 'observe', watermarks: { low: 1024 }, onShed() {} }
  attach(server, { ...all, onShed: (socket, { dropped }) => socket.emit('gap', dropped) })
  attach(server, { namespaces: new Map([[/^\/table/, lobby]]) })
  // @ts-expect-error no such mode
  attach(server, { mode: 'off' })
  // @ts-expect-error an unknown option
  attach(server, { highWaterMark: 1 })
  // @ts-expect-error an unknown watermark
  attach(server, { watermarks: { middle: 1 } })
  // @ts-expect-error no schema
  attach(server, { messages: { won: 'critical' } })
  // @ts-expect-error no Socket.IO server
  attach({})
  void register
}

export function handle(spillway: Spillway): void {
  const client: ClientStats | undefined = spillway.client('a-1')
  // @ts-expect-error it may be gone
  client.buffered.toFixed()
  spillway.events.on('closed', ({ code, reason }) => void [code, reason])
  // @ts-expect-error no such event
  spillway.events.on('open', () => {})
  // @ts-expect-error a mode that is none
  spillway.setMode('off')
}
