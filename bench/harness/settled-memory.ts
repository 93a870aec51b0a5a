import { setTimeout as sleep } from 'node:timers/promises'

/** What a process occupies when its garbage is collected, in bytes. */
export interface Memory {
  readonly rss: number
  /** Objects, and what they hold outside of the heap. */
  readonly heap: number
}

/** In which finalizers run, and freed pages go back to the system. */
const PAUSE_MS = 500

/** Only in a process with `--expose-gc`. */
export async function settledMemory(): Promise<Memory> {
  // what finalizers let go of in the pause is garbage only for the second one
  for (let n = 0; n < 2; n++) {
    await globalThis.gc!()
    await sleep(PAUSE_MS)
  }
  // `external` has the buffers in it
  const { rss, heapUsed, external } = process.memoryUsage()
  return { rss, heap: heapUsed + external }
}
