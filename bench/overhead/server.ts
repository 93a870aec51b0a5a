import { createServer } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { Server } from 'socket.io'
import { attach } from '../../lib/index.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { listen } from '../harness/counted-server.ts'
import { messages as catalogue, payloadOf } from '../harness/messages.ts'
import { type Subject, switchWindow } from './subjects.ts'

/** The server that is measured, alone in its process. */

let io: Server | undefined

export interface Slice {
  readonly subject: Subject
  readonly messages: number
  /** Messages a second. */
  readonly rate: number
  readonly bytes: number
  /** Emitted in one tick. */
  readonly batch: number
}

const handlers = {
  async open({ plain }: { plain: boolean }) {
    const http = createServer()
    io = new Server(http)
    if (!plain) attach(io, { messages: catalogue })
    return listen(http)
  },

  /** @returns CPU time that this process used meanwhile, in microseconds */
  async load({ subject, messages, rate, bytes, batch }: Slice) {
    switchWindow(subject === 'spillway')
    const before = process.cpuUsage()
    const startedAt = performance.now()
    for (let sent = 0; sent < messages; ) {
      const end = Math.min(messages, sent + batch)
      while (sent < end) io!.emit('cosmetic', payloadOf(++sent, bytes))
      await sleep(startedAt + (1000 * sent) / rate - performance.now())
    }
    const { user, system } = process.cpuUsage(before)
    return user + system
  },
}
export type ServerHandlers = typeof handlers

serve(handlers)
