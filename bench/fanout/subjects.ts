import { createServer } from 'node:http'
import type { Socket as TcpSocket } from 'node:net'
import { Server } from 'socket.io'
import { type WebSocket, WebSocketServer } from 'ws'
import { attach } from '../../lib/index.ts'
import { frameBytes, framesOf } from '../../lib/message/frame.ts'
import { listen } from '../harness/counted-server.ts'
import { messages, payloadOf } from '../harness/messages.ts'
import type { Broadcaster } from './measure.ts'

export const SUBJECTS = ['spillway', 'socket.io', 'ws', 'ws-preframed', 'uws'] as const
export type Subject = (typeof SUBJECTS)[number]
/** Those that run on Node. */
export type NodeSubject = Exclude<Subject, 'uws'>

/** What a client has to say first. */
export const PROTOCOL: Readonly<Record<Subject, 'socket.io' | 'ws'>> = {
  spillway: 'socket.io',
  'socket.io': 'socket.io',
  ws: 'ws',
  'ws-preframed': 'ws',
  uws: 'ws',
}

/** A heartbeat in the middle of a round would be counted as a message's cost. */
const NO_HEARTBEATS = { pingInterval: 600_000 }

export const start: Readonly<Record<NodeSubject, (bytes: number) => Promise<Broadcaster>>> = {
  spillway: (bytes) => startSocketIo(bytes, (io) => attach(io, { messages })),
  'socket.io': (bytes) => startSocketIo(bytes),
  ws: (bytes) =>
    startWs((clients) => {
      const text = textOf(bytes)
      return () => {
        for (const client of clients) client.send(text)
      }
    }),
  'ws-preframed': (bytes) =>
    startWs((clients) => {
      const parts = [textOf(bytes).slice(1)]
      const frame = framesOf(parts, frameBytes(parts[0]!))
      return () => {
        for (const client of clients) kernelSocketOf(client).write(frame)
      }
    }),
}

/** As long in its frame as what Socket.IO sends. */
export function textOf(bytes: number): string {
  return `42${JSON.stringify(['critical', payloadOf(1, bytes)])}`
}

async function startSocketIo(bytes: number, install?: (io: Server) => void): Promise<Broadcaster> {
  const http = createServer(answer)
  const io = new Server(http, NO_HEARTBEATS)
  install?.(io)
  const payload = payloadOf(1, bytes)
  return { port: await listen(http), broadcast: () => io.emit('critical', payload) }
}

async function startWs(
  make: (clients: ReadonlySet<WebSocket>) => () => void,
): Promise<Broadcaster> {
  const http = createServer(answer)
  const server = new WebSocketServer({ server: http })
  return { port: await listen(http), broadcast: make(server.clients) }
}

function answer(_request: unknown, response: { end(body: string): void }): void {
  response.end('ok')
}

function kernelSocketOf(client: WebSocket): TcpSocket {
  return (client as unknown as { readonly _socket: TcpSocket })._socket
}
