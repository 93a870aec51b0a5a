import { setTimeout as sleep, setImmediate as turn } from 'node:timers/promises'

/** What one process can say of a broadcast. For Node and Bun. */

export interface Load {
  /** Broadcasts, each of `burst` messages in one tick. */
  readonly broadcasts: number
  readonly burst: number
  readonly bytes: number
}

export interface Measured {
  /** User and system CPU time of this process, of all its threads. */
  readonly cpuMicros: number
  /** Of each broadcast, the longest time in which the event loop did nothing else. */
  readonly blocks: readonly number[]
  readonly rss: number
}

/** A server whose clients all get what is broadcast. */
export interface Broadcaster {
  readonly port: number
  broadcast(): void
}

/** In which the clients receive what was sent. */
const PAUSE_MS = 100

export async function measure(subject: Broadcaster, load: Load): Promise<Measured> {
  const blocks: number[] = []
  const before = process.cpuUsage()
  for (let i = 0; i < load.broadcasts; i++) {
    const startedAt = performance.now()
    for (let n = 0; n < load.burst; n++) subject.broadcast()
    blocks.push(await longestTurn(startedAt))
    await sleep(PAUSE_MS)
  }
  const { user, system } = process.cpuUsage(before)
  return { cpuMicros: user + system, blocks, rss: process.memoryUsage().rss }
}

/** Until a turn of the loop is short again, and then a few more. */
async function longestTurn(since: number): Promise<number> {
  let longest = 0
  for (let short = 0; short < 5; ) {
    await turn()
    const now = performance.now()
    longest = Math.max(longest, now - since)
    short = now - since < 1 ? short + 1 : 0
    since = now
  }
  return longest
}
