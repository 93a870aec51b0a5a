import { performance } from 'node:perf_hooks'

const { nodeTiming } = performance

/**
 * Node's timers and clocks as they are when this file is loaded. An application whose tests put others
 * in their place, at whatever moment, stops its own: what is sent to clients goes on. Nothing else of
 * the library uses the global ones.
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
