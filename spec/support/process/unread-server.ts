import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setImmediate as turn } from 'node:timers/promises'
import { getHeapStatistics } from 'node:v8'
import { Server, type Socket } from 'socket.io'
import { z } from 'zod'
import { attach } from '../../../lib/attach.ts'
import type { Spillway } from '../../../lib/spillway.ts'
import { cosmetic } from '../../../schemas/priority.ts'

/** What a server sends to clients that read nothing. */
export interface Unread {
  readonly size: 'small' | 'large'
  readonly event: 'critical' | 'cosmetic'
  readonly way: 'broadcast' | 'single'
  readonly transport: 'websocket' | 'polling'
  /** How many of them there are at any time: who is closed comes back. */
  readonly clients: number
}

/** What it tells the process that has started it. */
export type Told =
  | { readonly port: number }
  /** A client that reads nothing is gone. */
  | { readonly gone: true }
  | Result

export interface Result {
  /** Clients closed, by code. */
  readonly closings: Readonly<Record<string, number>>
  /** Bytes. */
  readonly heapLimit: number
  readonly budget: number
  /** The most that was held at any time. */
  readonly held: number
  /** Memory that all that was emitted would take, if nothing of it was let go of. */
  readonly offered: number
}

/** Characters of a payload. */
const SIZES = { small: 10, large: 20_000 }
/** Of one turn of the loop, to each client. */
const BATCH = { small: 200, large: 4 }
/** What a message takes at least besides its characters, and a place of it in a queue. */
const MESSAGE = 400
const PLACE = 80
/** How many times the memory that the process may have is offered. */
const TIMES = 1.2

const messages = { cosmetic: cosmetic(z.any(), { maxAge: 3_600_000 }) }

async function main({ size, event, way, clients }: Unread): Promise<void> {
  const http = createServer()
  const io = new Server(http)
  // nothing that this is about: the defaults have to do
  const options = { messages, validate: 'off' } as const
  const spillway = process.env.SPILLWAY_PLAIN ? undefined : attach(io, options)
  const stuck = new Set<Socket>()
  let comers = 0
  io.on('connection', (socket) => {
    let isHonest = false
    socket.on('honest', () => {
      isHonest = true
      socket.join('honest')
    })
    socket.on('ask', (answer: () => void) => answer())
    socket.on('disconnect', () => {
      stuck.delete(socket)
      if (!isHonest) tell({ gone: true })
    })
    socket.on('unread', () => {
      // who comes back may have its kernel take something
      const filled = comers++ < clients ? fill(socket, spillway) : Promise.resolve()
      void filled.then(() => {
        if (socket.connected) stuck.add(socket)
      })
    })
  })
  http.listen(0, '127.0.0.1')
  await once(http, 'listening')
  tell({ port: (http.address() as AddressInfo).port })
  await until(() => stuck.size === clients && io.sockets.adapter.rooms.has('honest'))
  const { heap_size_limit: heapLimit } = getHeapStatistics()
  const budget = spillway?.stats().budget.limit ?? 0
  const characters = SIZES[size]
  let held = 0
  let offered = 0
  for (let n = 0; offered < TIMES * heapLimit; n++) {
    for (let count = 0; count < BATCH[size] && stuck.size > 0; count++) {
      if (way === 'broadcast') {
        io.except('honest').emit(event, payloadOf(characters, count))
        offered += MESSAGE + characters + stuck.size * PLACE
      } else {
        for (const socket of stuck) socket.emit(event, payloadOf(characters, count))
        offered += stuck.size * (MESSAGE + PLACE + characters)
      }
    }
    io.to('honest').emit(event, n)
    held = Math.max(held, spillway?.readings.sizes.held ?? 0)
    await turn()
  }
  tell({ closings: spillway?.readings.closings ?? {}, heapLimit, budget, held, offered })
}

/** Sends a client what its kernel takes: what follows stays with the server. */
async function fill({ conn, id }: Socket, spillway: Spillway | undefined): Promise<void> {
  const { transport } = conn as unknown as FilledConnection
  if (transport.name !== 'websocket') return
  const isFull = () =>
    spillway ? spillway.client(id)?.state === 'blocked' : transport.socket.bufferedAmount > 0
  for (let full = 0; full < SETTLED && conn.readyState === 'open'; full++) {
    if (!isFull()) {
      conn.write(FILLER)
      full = 0
    }
    await turn()
  }
}

interface FilledConnection {
  readonly transport: {
    readonly name: string
    readonly socket: { readonly bufferedAmount: number }
  }
}

/** Turns of the loop in a row in which the kernel takes nothing. */
const SETTLED = 20
const FILLER = `42["filler","${'x'.repeat(32 * 1024)}"]`

/** A text with memory of its own. */
function payloadOf(characters: number, n: number): string {
  return Buffer.alloc(characters, `${n} `).toString()
}

async function until(test: () => boolean): Promise<void> {
  while (!test()) await turn()
}

function tell(told: Told): void {
  process.send?.(told)
}

process.once('disconnect', () => process.exit())
void main(JSON.parse(process.argv[2]!) as Unread)
