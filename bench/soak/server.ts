import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server, type Socket } from 'socket.io'
import { z } from 'zod'
import { attach, cosmetic, type Spillway } from '../../lib/index.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { countCloses, listen, type Reasons } from '../harness/counted-server.ts'
import { messages, payloadOf } from '../harness/messages.ts'
import { ProcessMeter } from '../harness/process-meter.ts'
import { settledMemory } from '../harness/settled-memory.ts'
import { Attackers } from './attackers.ts'

/** The lobby's server for many hours, alone in its process. */

export interface LoadOptions {
  readonly seconds: number
  readonly bytes: number
  /** Between two collections of the garbage, in milliseconds. */
  readonly collectEveryMs: number
}

/** What a process has for its clients; without any, all but the first are 0. */
export interface Kept extends Record<string, number> {
  /** Open handles and requests of the event loop. */
  readonly handles: number
}

export interface Sample {
  /** Milliseconds since the load began. */
  readonly at: number
  readonly rss: number
  readonly heapUsed: number
  readonly external: number
  readonly kept: Kept
}

const EVERY_MS = 500
/** Every so many messages one is critical: every 2 seconds. */
const CRITICAL_EVERY = 4
const SAMPLE_EVERY_MS = 10_000
const ROOMS = 50
/** Of all rooms, so many get a message in each tick, and as many another one that may be shed. */
const ROOMS_A_TICK = 5
const ROOM_BYTES = 256
/** Of the clients, those that are asked something in each tick. */
const ASKED_SHARE = 0.005
const ANSWER_MS = 5000
const GONE_MS = 90_000
/** What whoever asks for more is sent each time: once it is flat, encoding it is one copy. */
const MORE = 'x'.repeat(65_536)
/** More than a kernel takes of what nobody reads. */
const HUGE = 'x'.repeat(5 * 1024 * 1024)
const POLL_MS = 250

const chat = cosmetic(z.object({ room: z.string(), pad: z.string() }), { conflateBy: 'room' })
const meter = new ProcessMeter()
const rooms = Array.from({ length: ROOMS }, (_, index) => ({ name: `room-${index}`, seq: 0 }))
/** By Engine.IO's reason. */
let reasons: Reasons = {}
let io: Server | undefined
let spillway: Spillway | undefined
let attackers: Attackers | undefined
let critical = 0
let connects = 0
let disconnects = 0
const asked = { answered: 0, unanswered: 0 }

const handlers = {
  async open(): Promise<number> {
    const http = createServer()
    io = new Server(http, { allowEIO3: true, cleanupEmptyChildNamespaces: true })
    io.of(/^\/flood-\d+$/)
    spillway = attach(io, { messages: { ...messages, chat } }) as unknown as Spillway
    reasons = countCloses(io)
    attackers = new Attackers(io.engine, spillway)
    io.on('connection', (socket) => {
      const room = rooms[connects++ % ROOMS]!
      socket.once('disconnect', () => disconnects++)
      socket.on('hello', (answer: () => void) => answer())
      socket.on('more', () => socket.emit('more', MORE))
      socket.on('huge', () => socket.emit('huge', HUGE))
      socket.join(room.name)
      // from here on nothing may be missing
      socket.emit('welcome', { seq: critical, roomSeq: room.seq })
    })
    return listen(http)
  },

  /** Of what is alive, in bytes. */
  async alive(): Promise<number> {
    return (await settledMemory()).heap
  },

  async load({ seconds, bytes, collectEveryMs }: LoadOptions) {
    const samples: Sample[] = []
    const alive: Array<{ readonly at: number; readonly heap: number }> = []
    const startedAt = performance.now()
    const passed = () => performance.now() - startedAt
    let [sampleAt, collectAt] = [0, collectEveryMs]
    meter.start()
    for (let sent = 0; sent * EVERY_MS < seconds * 1000; ) {
      if (passed() >= sampleAt) {
        samples.push(sample(passed()))
        sampleAt += SAMPLE_EVERY_MS
      }
      // the next critical message is the furthest away
      if (passed() >= collectAt && sent % CRITICAL_EVERY === 0) {
        alive.push({ at: passed(), heap: collected() })
        collectAt += collectEveryMs
      }
      sent++
      if (sent % CRITICAL_EVERY === 0) io!.emit('critical', payloadOf(++critical, bytes))
      else io!.emit('cosmetic', payloadOf(sent, bytes))
      emitToRooms(sent)
      ask()
      await sleep(startedAt + sent * EVERY_MS - performance.now())
    }
    samples.push(sample(passed()))
    const busy = meter.stop()
    return {
      samples,
      alive,
      critical,
      rooms: rooms.map(({ seq }) => seq),
      connects,
      disconnects,
      asked,
      process: busy,
      attackers: attackers!.figures(),
      reasons,
      closed: spillway!.stats().closed,
    }
  },

  /** When all clients have left: waits until nothing is kept for them, for a while. */
  async left() {
    const until = performance.now() + GONE_MS
    const isGone = () => Object.entries(kept()).every(([key, n]) => key === 'handles' || n === 0)
    while (!isGone() && performance.now() < until) await sleep(POLL_MS)
    return { kept: kept(), connects, disconnects, heap: (await settledMemory()).heap }
  },
}
export type ServerHandlers = typeof handlers

function emitToRooms(sent: number): void {
  for (let n = 0; n < ROOMS_A_TICK; n++) {
    const room = rooms[(sent * ROOMS_A_TICK + n) % ROOMS]!
    io!.to(room.name).emit('room', { seq: ++room.seq, pad: 'x'.repeat(ROOM_BYTES) })
    io!.to(room.name).emit('chat', { room: room.name, pad: 'x'.repeat(ROOM_BYTES) })
  }
}

let nextAsked = 0

/** Some after the others; who doesn't read doesn't answer. */
function ask(): void {
  const sockets = io!.sockets.sockets
  const count = Math.ceil(sockets.size * ASKED_SHARE)
  if (nextAsked >= sockets.size) nextAsked = 0
  const each: Iterator<Socket> = sockets.values()
  for (let n = 0; n < nextAsked; n++) each.next()
  for (let n = 0; n < count; n++) {
    const { value } = each.next() as IteratorResult<Socket, undefined>
    value?.timeout(ANSWER_MS).emit('ask', (error: Error | null) => {
      asked[error ? 'unanswered' : 'answered']++
    })
  }
  nextAsked += count
}

function sample(at: number): Sample {
  const { rss, heapUsed, external } = process.memoryUsage()
  return { at, rss, heapUsed, external, kept: kept() }
}

/** A collection is no delay that a client would see without it: of the event loop it is not counted. */
function collected(): number {
  meter.unmeasured(() => globalThis.gc!())
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

function kept(): Kept {
  const { adapter, sockets } = io!.sockets
  return {
    handles: process.getActiveResourcesInfo().length,
    engine: io!.engine.clientsCount as number,
    sockets: sockets.size,
    rooms: adapter.rooms.size,
    ...spillway!.readings.sizes,
  }
}

serve(handlers)
