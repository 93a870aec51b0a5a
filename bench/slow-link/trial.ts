import type { Child } from '../../spec/support/process/child.ts'
import { SLACK_MS, withBothEnds } from '../harness/both-ends.ts'
import type { LinkMaker } from '../harness/shaped-link.ts'
import type { Subject } from '../harness/subjects.ts'
import type { ClientHandlers, Received } from './client.ts'
import type { Loaded, LoadOptions, ServerHandlers } from './server.ts'
import type { Speech } from './speech.ts'

export interface TrialOptions {
  readonly links: LinkMaker
  readonly rateKbit: number
  readonly delayMs: number
  readonly speech: Speech
  readonly load: LoadOptions
  readonly trace: boolean
  readonly signal: AbortSignal
}

export interface Trial {
  readonly loaded: Loaded
  readonly received: Received
  /** Of connections lost at the server. */
  readonly reasons: Readonly<Record<string, number>>
}

/** How long critical messages may come in after the load. */
const DRAIN_MS = 20_000

/** One subject, with a server, a client and a link of its own. */
export async function runTrial(subject: Subject, options: TrialOptions): Promise<Trial> {
  const { links, rateKbit, delayMs, speech, load, trace, signal } = options
  const link = await links.open(rateKbit)
  return withBothEnds(
    { link, beside: import.meta.url, signal },
    async (server: Child<ServerHandlers>, client: Child<ClientHandlers>) => {
      const { kind, host } = link
      const port = await server.ask('open', { host, subject, trace })
      await client.ask('connect', { kind, server: { host, port }, rateKbit, delayMs, speech })
      const loaded = await server.ask('load', load, load.seconds * 1000 + SLACK_MS)
      const received = await client.ask(
        'drain',
        { expected: loaded.criticalSent, mostMs: DRAIN_MS },
        DRAIN_MS + SLACK_MS,
      )
      const reasons = await server.ask('reasons', undefined)
      return { loaded, received, reasons }
    },
  )
}
