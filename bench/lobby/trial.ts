import { setTimeout as sleep } from 'node:timers/promises'
import type { Namespace } from '../../spec/support/paths/network-namespace.ts'
import { Child } from '../../spec/support/process/child.ts'
import { closedAmong } from '../harness/closed-ports.ts'
import type { ClientHandlers, Received } from './client.ts'
import type { Kind } from './kind.ts'
import type { ServerHandlers, Subject } from './server.ts'

export interface Lobby {
  readonly seconds: number
  readonly bytes: number
  readonly counts: Readonly<Record<Kind, number>>
}

export interface Trial {
  readonly idle: Awaited<ReturnType<ServerHandlers['memory']>>
  readonly load: Awaited<ReturnType<ServerHandlers['load']>>
  readonly received: Readonly<Record<string, Received>>
}

const CONNECT_MS = 180_000
const SETTLE_MS = 2000
/** Of the load, after which some stop reading and some vanish. */
export const HEALTHY_SHARE = 1 / 12
const DEAF_EVERY_MS = 5000

/**
 * @param far where those are that vanish
 * @param visit called with the server's port when the load begins; it may last as long as the load
 */
export async function runTrial(
  subject: Subject,
  { seconds, bytes, counts }: Lobby,
  far: Namespace | undefined,
  signal: AbortSignal,
  visit: (port: number) => Promise<void> = async () => {},
): Promise<Trial> {
  const children: Array<{ close(): Promise<void> }> = []
  const start = <C extends { close(): Promise<void> }>(child: C): C => {
    children.push(child)
    return child
  }
  const module = new URL('client.js', import.meta.url)
  let over = false
  try {
    const server = start(
      new Child<ServerHandlers>(new URL('server.js', import.meta.url), { signal }),
    )
    const port = await server.ask('open', { subject, host: '0.0.0.0' })
    const near = start(new Child<ClientHandlers>(module, { signal }))
    const { vanishing, ...others } = counts
    await near.ask('open', { host: '127.0.0.1', port, counts: others }, CONNECT_MS)
    if (far) {
      const child = start(new Child<ClientHandlers>(module, { signal, namespace: far.name }))
      await child.ask('open', { host: far.host, port, counts: { vanishing } }, CONNECT_MS)
    }
    await sleep(SETTLE_MS)
    const idle = await server.ask('memory', undefined)
    const loading = server.ask('load', { seconds, bytes }, seconds * 2000 + CONNECT_MS)
    const troubles = async (): Promise<void> => {
      await sleep(seconds * 1000 * HEALTHY_SHARE)
      await near.ask('stopReading', undefined)
      await far?.cut()
      while (!over) {
        await sleep(DEAF_EVERY_MS)
        await near.ask('closed', await closedAmong(await near.ask('deaf', undefined)))
      }
    }
    const troubled = troubles()
    // a server that fails ends all of it, and its error is the one to tell
    troubled.catch(() => {})
    const visiting = visit(port)
    visiting.catch(() => {})
    const load = await loading.finally(() => {
      over = true
    })
    await troubled
    await visiting
    const received = await near.ask('results', { last: load.critical }, CONNECT_MS)
    return { idle, load, received }
  } finally {
    over = true
    for (const child of children) await child.close()
  }
}
