import { performance } from 'node:perf_hooks'

const { nodeTiming } = performance

/**
 * Node's timers and clocks as they are when this file is loaded. Tests of an application may replace
 * the global ones by fakes: the library goes on sending, as it uses these only.
 */
export const timers = {
  setTimeout: globalThis.setTimeout,
  clearTimeout: globalThis.clearTimeout,
  setInterval: globalThis.setInterval,
  clearInterval: globalThis.clearInterval,
  setImmediate: globalThis.setImmediate,
  queueMicrotask: globalThis.queueMicrotask,
  nextTick: process.nextTick.bind(process),
  Date: globalThis.Date,
  /** Milliseconds, monotonic. */
  now: performance.now.bind(performance),
  /** Milliseconds since the epoch. */
  wall: globalThis.Date.now.bind(globalThis.Date),
  /** Milliseconds in which the event loop had nothing to do, since the process started. */
  idleTime: (): number => nodeTiming.idleTime,
}
