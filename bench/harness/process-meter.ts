import { readFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { round } from './statistics.ts'

const RESOLUTION_MS = 5

export interface ProcessFigures {
  readonly loop_delay_ms: { readonly p50: number; readonly p99: number; readonly max: number }
  /** CPU time of all its threads as a share of one core. */
  readonly cpu_share: number
  /** Of the time, how long the event loop's thread had something to do and no core to do it on. */
  readonly no_core_share: number
}

/**
 * How busy this process is, and how late its event loop: a latency that is measured between two
 * processes is the server's only if the client was not late itself, and neither waited for a core
 * that others on the machine had.
 */
export class ProcessMeter {
  readonly #loop = monitorEventLoopDelay({ resolution: RESOLUTION_MS })
  #cpu = process.cpuUsage()
  #waited = waitedForCore()
  #since = performance.now()

  start(): void {
    this.#loop.reset()
    this.#loop.enable()
    this.#cpu = process.cpuUsage()
    this.#waited = waitedForCore()
    this.#since = performance.now()
  }

  /** The event loop's delay by `work` is not counted; its CPU time is. */
  unmeasured<Result>(work: () => Result): Result {
    this.#loop.disable()
    try {
      return work()
    } finally {
      this.#loop.enable()
    }
  }

  /** Ends the measurement. */
  stop(): ProcessFigures {
    this.#loop.disable()
    const { user, system } = process.cpuUsage(this.#cpu)
    const passed = performance.now() - this.#since
    // what is recorded is how long the timer took
    const delay = (nanos: number): number => round(Math.max(0, nanos / 1e6 - RESOLUTION_MS), 1)
    return {
      loop_delay_ms: {
        p50: delay(this.#loop.percentile(50)),
        p99: delay(this.#loop.percentile(99)),
        max: delay(this.#loop.max),
      },
      cpu_share: round((user + system) / 1000 / passed, 2),
      no_core_share: round((waitedForCore() - this.#waited) / passed, 2),
    }
  }
}

/** Milliseconds so far of this process's main thread (proc(5), /proc/pid/schedstat: time on a run queue). */
function waitedForCore(): number {
  const [, nanos] = readFileSync('/proc/self/schedstat', 'latin1').split(' ')
  return Number(nanos) / 1e6
}
