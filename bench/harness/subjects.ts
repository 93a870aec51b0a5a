import type { Server, Socket } from 'socket.io'
import { attach } from '../../lib/index.ts'
import type { ClientStats } from '../../schemas/stats.ts'
import { type MessageClass, messages, type Payload } from './messages.ts'

/** A way to send, under test. */
export interface Sender {
  send(type: MessageClass, payload: Payload): void
  /** What it knows of its clients. */
  trace?(): readonly ClientStats[]
}

export const SUBJECTS = ['spillway', 'socket.io', 'socket.io-volatile', 'watermark-128k'] as const
export type Subject = (typeof SUBJECTS)[number]

/** The limit that is recommended most: cosmetic is skipped for a client with more buffered. */
const WATERMARK = 128 * 1024

export const senders: Readonly<Record<Subject, (io: Server) => Sender>> = {
  spillway(io) {
    const spillway = attach(io, { messages })
    return {
      send: (type, payload) => io.emit(type, payload),
      trace: () => [...spillway.clients()],
    }
  },
  'socket.io': (io) => ({ send: (type, payload) => io.emit(type, payload) }),
  'socket.io-volatile': (io) => ({
    send: (type, payload) => (type === 'critical' ? io : io.volatile).emit(type, payload),
  }),
  'watermark-128k': (io) => ({
    send(type, payload) {
      for (const socket of io.sockets.sockets.values()) {
        if (type === 'critical' || buffered(socket) <= WATERMARK) socket.emit(type, payload)
      }
    },
  }),
}

interface EngineInternals {
  readonly writeBuffer: ReadonlyArray<{ readonly data?: string | Buffer }>
  readonly transport: { readonly socket?: { readonly bufferedAmount: number } }
}

/** All that can be seen from user space. */
function buffered(socket: Socket): number {
  const { writeBuffer, transport } = socket.conn as unknown as EngineInternals
  const waiting = writeBuffer.reduce((sum, { data }) => sum + (data?.length ?? 0), 0)
  return waiting + (transport.socket?.bufferedAmount ?? 0)
}
