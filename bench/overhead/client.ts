import { io } from 'socket.io-client'
import { serve } from '../../spec/support/process/serve.ts'

/** Clients that keep up; all of them in one process. */

const POLL_MS = 20

let received = 0

const handlers = {
  async connect({ port, clients }: { port: number; clients: number }): Promise<void> {
    const url = `http://127.0.0.1:${port}`
    const connected = Array.from({ length: clients }, () => {
      const socket = io(url, { transports: ['websocket'], forceNew: true })
      socket.on('cosmetic', () => received++)
      return new Promise<void>((resolve) => socket.once('connect', resolve))
    })
    await Promise.all(connected)
  },

  /** @returns how many messages came since the last call; waits a while for those expected */
  async drain({ expected, mostMs }: { expected: number; mostMs: number }): Promise<number> {
    const until = Date.now() + mostMs
    while (received < expected && Date.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, POLL_MS))
    }
    const count = received
    received = 0
    return count
  },
}
export type ClientHandlers = typeof handlers

serve(handlers)
