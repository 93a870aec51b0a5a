import { get } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { serve } from '../../spec/support/process/serve.ts'
import { SOCKET_IO_PATH, upgradeRequest } from '../harness/handshake.ts'
import { WireReader } from '../harness/wire.ts'

/** Clients that keep up: bare sockets, which count what they receive and answer pings. */

const BATCH = 50
const POLL_MS = 5

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
    let isOpen = false
    const opened = (): void => {
      isOpen = true
      resolve()
    }
    const reader = new WireReader({
      // each marker, wherever it is in a chunk: a server closes who leaves some without an answer
      reply: (bytes) => void socket.write(bytes),
      connected: opened,
      critical() {},
      refused: (head) => reject(new Error(head)),
      ...(protocol === 'ws' && { upgraded: opened }),
    })
    socket.once('error', reject)
    socket.on('data', (bytes: Buffer) => {
      if (isOpen) received.set(port, received.get(port)! + bytes.length)
      reader.read(bytes)
    })
  })
}

serve(handlers)
