import { Child } from '../../spec/support/process/child.ts'
import type { Handlers } from '../../spec/support/process/serve.ts'
import type { Link } from './shaped-link.ts'

/** A child process starts, or an answer comes, within that. */
export const SLACK_MS = 20_000

export interface EndsOptions {
  /** The client runs at its far end. It is closed with them. */
  readonly link: Link
  /** URL of a module beside the `server.js` and the `client.js` that are run. */
  readonly beside: string
  readonly signal: AbortSignal
}

/** Runs a trial of a server and a client, each in a process of its own, which end with it. */
export async function withBothEnds<S extends Handlers, C extends Handlers, Result>(
  { link, beside, signal }: EndsOptions,
  trial: (server: Child<S>, client: Child<C>) => Promise<Result>,
): Promise<Result> {
  const cleanup: Array<() => Promise<void>> = [() => link.close()]
  try {
    const server = new Child<S>(new URL('server.js', beside), { signal })
    cleanup.unshift(() => server.close())
    const { namespace } = link
    const client = new Child<C>(new URL('client.js', beside), { signal, namespace })
    cleanup.unshift(() => client.close())
    return await trial(server, client)
  } finally {
    for (const step of cleanup) await step()
  }
}
