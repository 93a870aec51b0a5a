import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { attach, type Spillway } from '../../lib/index.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { listen } from '../harness/counted-server.ts'
import type { Subject } from './subjects.ts'

/** A server to which one client does the same again and again, alone in its process. */

/** Longer than a run, and the turn of the second client comes after half of it. */
const SHUTDOWN_MS = 3_600_000
const HOUR_MS = 3_600_000

let io: Server | undefined
let spillway: Spillway | undefined
let before = process.cpuUsage()

const handlers = {
  async open({ subject }: { subject: Subject }): Promise<number> {
    const http = createServer()
    // a heartbeat in the middle of a run would be counted
    io = new Server(http, { pingInterval: HOUR_MS })
    io.of(/^\/(room|again)-\d+$/)
    io.on('connection', (socket) => {
      socket.on('join', (room: string) => socket.join(room))
      socket.on('leave', (room: string) => socket.leave(room))
      socket.on('ask', (answer: () => void) => answer())
      socket.on('askMe', () => socket.emit('question', () => {}))
      socket.on('echo', () => socket.emit('echo'))
      socket.on('all', () => io!.emit('all'))
      let waits = false
      socket.on('paced', () => {
        socket.emit('paced')
        if (waits) return
        waits = true
        socket.conn.once('drain', () => {
          waits = false
        })
      })
      socket.on('nothing', () => {})
    })
    if (subject === 'spillway') {
      const shutdown = { deadline: SHUTDOWN_MS, spread: SHUTDOWN_MS }
      spillway = attach(io, { shutdown }) as unknown as Spillway
    }
    return listen(http)
  },

  shut(): void {
    if (spillway) void spillway.shutdown()
    else io!.use((_socket, next) => next(new Error('server overloaded')))
  },

  begin(): void {
    before = process.cpuUsage()
  },

  /** @returns CPU time of this process since `begin`, in microseconds */
  end(): number {
    const { user, system } = process.cpuUsage(before)
    return user + system
  },
}
export type ServerHandlers = typeof handlers

serve(handlers)
