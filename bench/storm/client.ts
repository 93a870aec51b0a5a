import type { Socket } from 'node:net'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { percentiles } from '../../demo/headless/figures.ts'
import { serve } from '../../spec/support/process/serve.ts'
import { openLine } from '../harness/line.ts'
import type { Heard } from '../harness/wire.ts'
import { FIRST_PROBE, PROBED_SHARE, type Sent } from './subjects.ts'

/** The clients that are connected all the time, in a process that the others can't keep busy. */

const BATCH = 50
const POLL_MS = 20
const RETRY_MS = 1000
/** Long enough for what is under way. */
const AFTER_MS = 3000

/** Of critical messages. */
const received: Array<{ readonly seq: number; readonly millis: number }> = []
const listeners: Listener[] = []
const loop = monitorEventLoopDelay({ resolution: 5 })

class Listener implements Heard {
  isConnected = false
  isClosed = false
  #socket: Socket | undefined

  connect(host: string, port: number): void {
    this.#socket = openLine({ host, port, heard: this })
    this.#socket.once('close', () => {
      // an admission refuses also the first ones, if something else keeps the machine busy
      if (this.isConnected) this.isClosed = true
      else setTimeout(() => this.connect(host, port), RETRY_MS)
    })
  }

  packet(text: string): void {
    if (text.startsWith('44')) this.#socket?.destroy()
  }

  connected(): void {
    this.isConnected = true
  }

  reply(bytes: Buffer): void {
    this.#socket?.write(bytes)
  }

  critical(seq: number, sentAt: number): void {
    received.push({ seq, millis: Date.now() - sentAt })
  }
}

const handlers = {
  async open({ host, port, count }: { host: string; port: number; count: number }): Promise<void> {
    for (let left = count; left > 0; left -= BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, left) }, () => new Listener())
      for (const listener of batch) listener.connect(host, port)
      listeners.push(...batch)
      while (batch.some(({ isConnected }) => !isConnected)) await sleep(POLL_MS)
    }
    loop.enable()
  },

  /** Of the critical messages after `from`, until `to`; waits a while for the last. */
  async results({ from, to }: { from: Sent; to: Sent }) {
    await sleep(AFTER_MS)
    const within = received.filter(({ seq }) =>
      seq < FIRST_PROBE
        ? seq > from.critical && seq <= to.critical
        : seq > from.probe && seq <= to.probe,
    )
    const probed = Math.ceil(listeners.length * PROBED_SHARE)
    const sent = (to.critical - from.critical) * listeners.length + (to.probe - from.probe) * probed
    const ownDelay = loop.max / 1e6
    loop.reset()
    return {
      latency: percentiles(within.map(({ millis }) => millis)),
      missing: sent - within.length,
      closed: listeners.filter(({ isClosed }) => isClosed).length,
      /** How late this process itself has read, at the most. */
      ownDelay,
    }
  },
}
export type ClientHandlers = typeof handlers
export type Heed = Awaited<ReturnType<ClientHandlers['results']>>

serve(handlers)
