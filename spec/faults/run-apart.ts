import { setTimeout as sleep } from 'node:timers/promises'
import { Apart, SETTLE_MS } from './apart.ts'
import type { ApartFault, Outcome } from './fault.ts'
import type { Follower } from './follower.ts'
import { differencesOf, HEAP_TOLERANCE, NOTHING } from './readings.ts'

/** One run of a fault, at a server in a process of its own. */
export async function runApart(fault: ApartFault): Promise<Outcome> {
  const apart = new Apart(fault.stallAfter ?? SETTLE_MS)
  const { problems, followers } = apart
  try {
    await apart.open()
    const { before, heapBefore } = await fault.runApart(apart)
    await apart.settle()
    let now = await apart.readings()
    const differences = () => differencesOf({ ...before, ...NOTHING }, now.readings)
    for (const end = Date.now() + SETTLE_MS; differences().length > 0 && Date.now() < end; ) {
      await sleep(50)
      now = await apart.readings()
    }
    problems.push(...differences())
    if (now.heap - heapBefore > HEAP_TOLERANCE) {
      problems.push(`heap: ${heapBefore} bytes before, ${now.heap} after`)
    }
    const sum = (of: (follower: Follower) => number) => followers.reduce((n, f) => n + of(f), 0)
    const figures = {
      lost: apart.lost,
      doubled: sum((each) => each.doubled),
      reordered: sum((each) => each.reordered),
    }
    for (const [what, count] of Object.entries(figures)) {
      if (count > 0) problems.push(`${what}: ${count}`)
    }
    return {
      fault: fault.name,
      sent: apart.sent,
      received: sum((each) => each.received),
      ...figures,
      heapBefore,
      heapAfter: now.heap,
      left: now.left,
      problems,
    }
  } finally {
    await apart.close()
  }
}
