import { Child } from '../../spec/support/process/child.ts'
import type { LinkMaker } from '../harness/shaped-link.ts'
import type { ClientHandlers, Received } from './client.ts'
import type { Loaded, LoadOptions, ServerHandlers } from './server.ts'
import type { Speech } from './speech.ts'
import type { Subject } from './subjects.ts'

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
/** A child process starts, or an answer comes, within that. */
const SLACK_MS = 20_000

/** One subject, with a server, a client and a link of its own. */
export async function runTrial(subject: Subject, options: TrialOptions): Promise<Trial> {
  const { links, rateKbit, delayMs, speech, load, trace, signal } = options
  const cleanup: Array<() => Promise<void>> = []
  try {
    const link = await links.open(rateKbit)
    cleanup.unshift(() => link.close())
    const server = new Child<ServerHandlers>(new URL('server.js', import.meta.url), { signal })
    cleanup.unshift(() => server.close())
    const client = new Child<ClientHandlers>(new URL('client.js', import.meta.url), {
      signal,
      namespace: link.namespace,
    })
    cleanup.unshift(() => client.close())
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
  } finally {
    for (const step of cleanup) await step()
  }
}
