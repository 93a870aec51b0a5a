import { setPriority } from 'node:os'
import { serve } from '../../spec/support/process/serve.ts'
import { closedAmong } from '../harness/closed-ports.ts'
import { ProcessMeter } from '../harness/process-meter.ts'
import type { AttackName } from './attacks.ts'
import { Intruder } from './intruder.ts'

/** The hostile clients of the soak, in a process of their own. */

/** Closed by the server: each comes again. */
const RETURN_MS = 1000
/** So that they do not come in one wave. */
const FIRST_WITHIN_MS = 10_000
/** Who reads nothing hears of no close; the kernel knows. */
const LOOK_EVERY_MS = 1000
/**
 * Attackers have machines of their own. Here they share one with the server and with the clients that
 * tell what they suffer, and get what these two leave.
 */
const NICENESS = 19

interface OpenOptions {
  readonly host: string
  readonly port: number
  readonly count: number
  readonly kinds: readonly AttackName[]
}

const present = new Set<Intruder>()
/** Seconds after which connections have ended that never became clients of the server. */
const ended: number[] = []
const meter = new ProcessMeter()
let over = false
let looking: NodeJS.Timeout | undefined

/** @param from its own address, as it has every time */
function intrude(name: AttackName, from: string, at: OpenOptions): void {
  if (over) return
  const intruder = new Intruder(name, from, at.host, at.port, () => {
    present.delete(intruder)
    if (name === 'halfOpen') ended.push(intruder.seconds)
    setTimeout(() => intrude(name, from, at), RETURN_MS).unref()
  })
  present.add(intruder)
}

async function look(): Promise<void> {
  const closed = new Set(await closedAmong([...present].flatMap(({ port }) => port ?? [])))
  for (const each of present) if (closed.has(each.port ?? 0)) each.end()
}

const handlers = {
  open(at: OpenOptions): void {
    setPriority(NICENESS)
    meter.start()
    for (let n = 0; n < at.count; n++) {
      const name = at.kinds[n % at.kinds.length]!
      const from = `127.0.${1 + Math.floor(n / 250)}.${1 + (n % 250)}`
      setTimeout(() => intrude(name, from, at), (n / at.count) * FIRST_WITHIN_MS)
    }
    looking = setInterval(() => void look(), LOOK_EVERY_MS)
  },

  /** Everybody. @returns of `halfOpen`, which Node closes before Engine.IO knows of it */
  leave() {
    const process = meter.stop()
    over = true
    clearInterval(looking)
    const open = [...present].filter(({ name }) => name === 'halfOpen').map((each) => each.seconds)
    for (const each of present) each.end()
    return { ended, open, process }
  },
}
export type HostileHandlers = typeof handlers

serve(handlers)
