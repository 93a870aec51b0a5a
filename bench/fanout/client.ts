import { get } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { SOCKET_IO_PATH, upgradeRequest } from '../link/handshake.ts'
import { serve } from '../serve.ts'

/** Clients that keep up: bare sockets, which count what they receive and answer pings. */

const BATCH = 50
const POLL_MS = 5
/** The text frame "40", masked with zeros: the client joins the main namespace. */
const JOIN = Buffer.from([0x81, 0x82, 0, 0, 0, 0, 0x34, 0x30])
const PING = 0x89
const MARKER_BYTES = 10

const received = new Map<number, number>()

const handlers = {
  async open({ port, clients, protocol }: OpenOptions): Promise<void> {
    received.set(port, 0)
    for (let left = clients; left > 0; left -= BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, left) }, () => openOne(port, protocol))
      await Promise.all(batch)
    }
  },

  /** Waits until that port's clients have received so many bytes since the last call. */
  async drain({ port, bytes, mostMs }: { port: number; bytes: number; mostMs: number }) {
    const until = Date.now() + mostMs
    while (received.get(port)! < bytes && Date.now() < until) await sleep(POLL_MS)
    const count = received.get(port)!
    received.set(port, 0)
    return count
  },

  /** Requests one after the other, each on a connection of its own, and how long each took. */
  async knock({ port, forMs }: { port: number; forMs: number }): Promise<number[]> {
    const times: number[] = []
    const until = performance.now() + forMs
    while (performance.now() < until) {
      const since = performance.now()
      await new Promise<void>((resolve, reject) => {
        get({ host: '127.0.0.1', port, agent: false }, (response) => {
          response.resume().once('end', resolve)
        }).once('error', reject)
      })
      times.push(performance.now() - since)
      await sleep(2)
    }
    return times
  },
}
export type ClientHandlers = typeof handlers

interface OpenOptions {
  readonly port: number
  readonly clients: number
  readonly protocol: 'socket.io' | 'ws'
}

function openOne(port: number, protocol: OpenOptions['protocol']): Promise<void> {
  const socket = connect(port, '127.0.0.1')
  socket.write(upgradeRequest(protocol === 'ws' ? '/' : SOCKET_IO_PATH))
  return new Promise((resolve, reject) => {
    socket.once('error', reject)
    let head = ''
    let joined = protocol === 'ws'
    const onHead = (chunk: Buffer): void => {
      head += chunk.toString('latin1')
      if (!joined && head.includes('"sid"')) {
        joined = true
        head = ''
        socket.write(JOIN)
      } else if (joined && head.includes(protocol === 'ws' ? '\r\n\r\n' : '40{')) {
        socket.off('data', onHead)
        socket.on('data', (bytes: Buffer) => onData(socket, port, bytes))
        answer(socket, chunk)
        resolve()
      }
    }
    socket.on('data', onHead)
  })
}

function onData(socket: Socket, port: number, bytes: Buffer): void {
  received.set(port, received.get(port)! + bytes.length)
  answer(socket, bytes)
}

/** Markers come last in a chunk, unless the kernel has split it; one that is missed is no loss. */
function answer(socket: Socket, bytes: Buffer): void {
  const at = bytes.length - MARKER_BYTES
  if (at < 0 || bytes[at] !== PING || bytes[at + 1] !== 8) return
  socket.write(Buffer.concat([Buffer.from([0x8a, 0x88, 0, 0, 0, 0]), bytes.subarray(at + 2)]))
}

serve(handlers)
