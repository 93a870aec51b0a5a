import { setTimeout as sleep } from 'node:timers/promises'
import { eventually } from '../support/servers/server.ts'
import { often } from '../support/thorough.ts'
import { type Fault, OF_APPLICATION, type Outcome } from './fault.ts'
import type { Follower } from './follower.ts'
import {
  accounted,
  differencesOf,
  HEAP_TOLERANCE,
  heapAlive,
  NOTHING,
  openHandles,
  readingsOf,
} from './readings.ts'
import { SETTLE_MS, Stage } from './stage.ts'

/** Of the load, in a run at least: with the more, one leaked message of each shows in the heap. */
const ROUNDS = often({ usually: 100, thoroughly: 300 })
const WARM_UP_ROUNDS = 60

/** One run of a fault, on a server of its own. */
export async function runHere(fault: Fault): Promise<Outcome> {
  const handles = openHandles()
  const errors: string[] = []
  process.setUncaughtExceptionCaptureCallback((error) => {
    const { message = String(error), stack = message } = error ?? {}
    if (!fault.uncaught || message !== OF_APPLICATION) errors.push(`uncaught: ${stack}`)
  })
  const stage = await Stage.open(fault)
  let outcome: Outcome
  try {
    outcome = await runOn(stage, fault)
  } finally {
    await stage.close()
    process.setUncaughtExceptionCaptureCallback(null)
  }
  const problems = [...outcome.problems, ...errors, ...(await handlesLeft(handles))]
  return { ...outcome, problems }
}

async function runOn(stage: Stage, fault: Fault): Promise<Outcome> {
  const { load, problems, stayers, guests } = stage
  await stage.openStayers()
  const read = () => readingsOf(stage.io, stage.spillway)
  const before = { ...read(), ...NOTHING }
  await load.burst(WARM_UP_ROUNDS)
  await stage.caughtUp()
  const heapBefore = await heapAlive()

  const from = load.won
  load.start()
  await fault.run(stage)
  await load.rounds(Math.max(0, ROUNDS - (load.won - from)))
  await load.stop()
  await stage.caughtUp()
  await stage.closeStrangers()

  const left = () => differencesOf(before, read())
  await eventually(() => left().length === 0, SETTLE_MS).catch(() => {})
  problems.push(...left())
  const heapAfter = await heapAlive()
  if (heapAfter - heapBefore > (fault.heapTolerance ?? HEAP_TOLERANCE)) {
    problems.push(`heap: ${heapBefore} bytes before, ${heapAfter} after`)
  }
  const all = [...stayers, ...guests]
  const sum = (of: (follower: Follower) => number) => all.reduce((n, each) => n + of(each), 0)
  const figures = {
    lost: stayers.reduce((n, each) => n + each.lost(load), 0) + sumGaps(guests),
    doubled: sum((each) => each.doubled),
    reordered: sum((each) => each.reordered),
  }
  for (const each of all) {
    const lost = stayers.includes(each) ? each.lost(load) : each.gaps
    if (lost + each.doubled + each.reordered === 0) continue
    const { doubled, reordered } = each
    problems.push(`${each.name}: lost ${lost}, doubled ${doubled}, reordered ${reordered}`)
  }
  for (const { name, disconnects } of stayers) {
    if (disconnects.length > 0) problems.push(`${name} was disconnected: ${disconnects}`)
  }
  return {
    fault: fault.name,
    sent: load.won + load.seat,
    received: sum((each) => each.received),
    ...figures,
    heapBefore,
    heapAfter,
    left: accounted(read()),
    problems,
  }
}

function sumGaps(followers: readonly Follower[]): number {
  return followers.reduce((n, { gaps }) => n + gaps, 0)
}

/** Node tells of a closed handle a turn of the loop later. */
async function handlesLeft(before: Readonly<Record<string, number>>): Promise<string[]> {
  const left = () =>
    Object.entries(openHandles())
      .filter(([kind, count]) => count > (before[kind] ?? 0))
      .map(([kind, count]) => `open handles: ${kind}: ${before[kind] ?? 0} before, ${count} after`)
  for (let looks = 0; left().length > 0 && looks < 100; looks++) await sleep(20)
  return left()
}
