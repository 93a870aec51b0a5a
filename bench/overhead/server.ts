import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server } from 'socket.io'
import { serve } from '../serve.ts'
import { payloadOf } from '../slow-link/messages.ts'
import { install, type Subject } from './subjects.ts'

/** The server that is measured, alone in its process. */

/** Slow enough that clients on the same machine keep up. */
const PER_MILLI = 2

let io: Server | undefined

const handlers = {
  async open({ subject }: { subject: Subject }) {
    const http = createServer()
    io = new Server(http)
    install[subject](io)
    await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve))
    return (http.address() as AddressInfo).port
  },

  /** @returns CPU time that this process used meanwhile, in microseconds */
  async load({ messages, bytes, batch }: { messages: number; bytes: number; batch: number }) {
    const before = process.cpuUsage()
    const startedAt = performance.now()
    for (let sent = 0; sent < messages; ) {
      const end = Math.min(messages, sent + batch)
      while (sent < end) io!.emit('cosmetic', payloadOf(++sent, bytes))
      await sleep(startedAt + sent / PER_MILLI - performance.now())
    }
    const { user, system } = process.cpuUsage(before)
    return user + system
  },
}
export type ServerHandlers = typeof handlers

serve(handlers)
