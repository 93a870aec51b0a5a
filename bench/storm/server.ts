import { createServer } from 'node:http'
import { Server } from 'socket.io'
import { attach, type Spillway } from '../../lib/index.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { listen } from '../harness/counted-server.ts'
import { messages, payloadOf } from '../harness/messages.ts'
import { type ProcessFigures, ProcessMeter } from '../harness/process-meter.ts'
import { FIRST_PROBE, PROBED_SHARE, type Sent, type Subject } from './subjects.ts'

/** The server that everybody comes back to at once, alone in its process. */

export interface OpenOptions {
  readonly subject: Subject
  readonly bytes: number
  /** Those who come first stay. */
  readonly connections: number
  /** Connections that the kernel keeps for the server to accept; Node's default is 511. */
  readonly backlog: number
  readonly admission: { readonly loopDelay: number; readonly retryAfter: number }
}

export interface Phase extends Sent {
  readonly connections: number
  readonly process: ProcessFigures
  /** So far, by reason. */
  readonly refused: Readonly<Record<string, number>>
}

const EVERY_MS = 500
/** One a second: the lobby's one every two would be too few for a storm that lasts seconds. */
const CRITICAL_EVERY = 2
const LOOK_EVERY_MS = 5
/** A storm is short: some of the clients are sent a critical message far more often. */
const PROBE_EVERY_MS = 50
const PROBE_BYTES = 128
const PROBED = 'probed'

const meter = new ProcessMeter()
let io: Server | undefined
let spillway: Spillway | undefined
let critical = 0
let probe = FIRST_PROBE
let joined = 0

const handlers = {
  async open({ subject, bytes, connections, backlog, admission }: OpenOptions): Promise<number> {
    const http = createServer()
    io = new Server(http)
    if (subject === 'spillway+admission') spillway = attach(io, { messages, admission })
    if (subject === 'spillway') spillway = attach(io, { messages })
    const port = await listen(http, '127.0.0.1', backlog)
    io.on('connection', (socket) => {
      if (joined < connections && joined++ % (1 / PROBED_SHARE) === 0) socket.join(PROBED)
    })
    let sent = 0
    onSchedule(EVERY_MS, (at) => {
      const event = ++sent % CRITICAL_EVERY === 0 ? 'critical' : 'cosmetic'
      const seq = event === 'critical' ? ++critical : sent
      io!.emit(event, { ...payloadOf(seq, bytes), sentAt: at })
    })
    onSchedule(PROBE_EVERY_MS, (at) => {
      io!.to(PROBED).emit('critical', { ...payloadOf(++probe, PROBE_BYTES), sentAt: at })
    })
    meter.start()
    return port
  },

  /** What was since the last call. */
  phase(): Phase {
    const ended = {
      critical,
      probe,
      connections: io!.engine.clientsCount as number,
      process: meter.stop(),
      refused: spillway?.stats().refused ?? {},
    }
    meter.start()
    return ended
  },
}
export type ServerHandlers = typeof handlers

/**
 * What happens in a casino does not wait for the server's event loop: a message is as old as its
 * place in the schedule, and none is left out because the loop was held.
 */
function onSchedule(everyMs: number, emit: (at: number) => void): void {
  let due = Date.now() + everyMs
  setInterval(() => {
    for (; due <= Date.now(); due += everyMs) emit(due)
  }, LOOK_EVERY_MS)
}

serve(handlers)
