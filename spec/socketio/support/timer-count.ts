import { timers } from '../../../lib/base/timers.ts'

/** Counts the library's timers, until it is stopped. */
export function countTimers() {
  const real = { ...timers }
  const started: Array<{ readonly timer: object; readonly by: string }> = []
  const counted =
    <Args extends unknown[]>(start: (...args: Args) => object) =>
    (...args: Args) => {
      const timer = start(...args)
      started.push({ timer, by: new Error().stack!.split('\n')[2]!.trim() })
      return timer
    }
  for (const name of ['setTimeout', 'setInterval', 'setImmediate'] as const) {
    Reflect.set(timers, name, counted(real[name] as (...args: unknown[]) => object))
  }
  return {
    /** Who has started those that may still fire. */
    pending: () =>
      // Node marks a timer when it has fired for the last time or was cleared
      started.flatMap(({ timer, by }) => (Reflect.get(timer, '_destroyed') ? [] : [by])),
    stop: () => Object.assign(timers, real),
  }
}
