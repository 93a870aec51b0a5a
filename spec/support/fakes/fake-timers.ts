import sinon from 'sinon'
import { timers } from '../../../lib/base/timers.ts'

type Faked = 'setTimeout' | 'clearTimeout' | 'setInterval' | 'clearInterval' | 'setImmediate'

/** Fakes timers of the library alone: those of the process are nothing to it. */
export function fakeTimers(...toFake: Faked[]): sinon.SinonFakeTimers {
  const global = new Proxy(timers, {
    get: (target, key) => Reflect.get(Object.hasOwn(target, key) ? target : globalThis, key),
  })
  const config = { toFake, global }
  return sinon.useFakeTimers(config)
}
