import type { Path } from '../../spec/support/paths/path-relay.ts'
import type { Child } from '../../spec/support/process/child.ts'
import { SLACK_MS, withBothEnds } from '../harness/both-ends.ts'
import { type LinkMaker, LOOPBACK } from '../harness/shaped-link.ts'
import type { Subject } from '../harness/subjects.ts'
import type { Cell } from './cells.ts'
import type { ClientHandlers, Received } from './client.ts'
import { type Loaded, type ServerHandlers, START_MS } from './server.ts'

export interface TrialOptions {
  readonly links: LinkMaker
  readonly cell: Cell
  /** Of load, after the start. */
  readonly seconds: number
  readonly signal: AbortSignal
}

export interface Trial {
  readonly loaded: Loaded
  readonly received: Received
}

/** How long messages may come in after the load. */
const DRAIN_MS = 20_000
/** Longer than anything that is still under way may stay away. */
const QUIET_MS = 3000

/** One subject, with a server, a client and a path of its own. */
export async function runTrial(subject: Subject, options: TrialOptions): Promise<Trial> {
  const { links, cell, seconds, signal } = options
  const link = cell.rateKbit === 0 ? LOOPBACK : await links.open(cell.rateKbit)
  return withBothEnds(
    { link, beside: import.meta.url, signal },
    async (server: Child<ServerHandlers>, client: Child<ClientHandlers>) => {
      const port = await server.ask('open', { host: link.host, subject })
      const path = relayed(cell, link.kind === 'netns')
      await client.ask('connect', { server: { host: link.host, port }, path })
      const withinMs = START_MS + seconds * 1000 + SLACK_MS
      const loaded = await server.ask('load', { cell, seconds }, withinMs)
      const expected = loaded.critical.total + loaded.cosmetic.total
      const received = await client.ask(
        'drain',
        { expected, quietMs: QUIET_MS, mostMs: DRAIN_MS },
        DRAIN_MS + SLACK_MS,
      )
      return { loaded, received }
    },
  )
}

/** What is left for a relay to play; undefined if nothing. */
function relayed(
  { rateKbit, delayMs, jitterMs, bunchMs }: Cell,
  isLimited: boolean,
): Path | undefined {
  const limit = !isLimited && rateKbit > 0 && { bytesPerSecond: (rateKbit * 1000) / 8 }
  if (!limit && delayMs + jitterMs + bunchMs === 0) return undefined
  return { delayMs, jitterMs, bunchMs, ...limit }
}
