import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../../spec/support/process/child.ts'
import type { ClientHandlers, Heed } from './client.ts'
import type { CrowdHandlers, Storm } from './crowd.ts'
import type { OpenOptions, Phase, ServerHandlers } from './server.ts'

export interface TrialOptions extends OpenOptions {
  readonly storm: number
  readonly seconds: number
}

export interface Trial {
  readonly calm: { readonly phase: Phase; readonly heed: Heed }
  readonly storm: { readonly phase: Phase; readonly heed: Heed; readonly crowd: Storm }
}

const HOST = '127.0.0.1'
const CONNECT_MS = 180_000
/** In which hot code is compiled, too. */
const SETTLE_MS = 5000
/** Those who are told to come later may need more than the time of the storm. */
const MOST_STORMS = 4

export async function runTrial(options: TrialOptions, signal: AbortSignal): Promise<Trial> {
  const { connections, storm: count, seconds } = options
  const children: Array<{ close(): Promise<void> }> = []
  const start = <C extends { close(): Promise<void> }>(child: C): C => {
    children.unshift(child)
    return child
  }
  const module = (path: string) => new URL(path, import.meta.url)
  try {
    const server = start(new Child<ServerHandlers>(module('server.js'), { signal }))
    const port = await server.ask('open', options)
    const clients = start(new Child<ClientHandlers>(module('client.js'), { signal }))
    await clients.ask('open', { host: HOST, port, count: connections }, CONNECT_MS)
    const crowd = start(new Child<CrowdHandlers>(module('crowd.js'), { signal }))
    await crowd.ask('open', { host: HOST, port, count }, CONNECT_MS)
    await sleep(SETTLE_MS)

    const began = await server.ask('phase', undefined)
    await sleep(seconds * 1000)
    const calm = await server.ask('phase', undefined)
    const calmHeed = await clients.ask('results', { from: began, to: calm })

    const before = await server.ask('phase', undefined)
    const mostMs = MOST_STORMS * seconds * 1000
    const storming = crowd.ask('storm', { mostMs }, mostMs + CONNECT_MS)
    const watched = sleep(seconds * 1000).then(() => server.ask('phase', undefined, CONNECT_MS))
    watched.catch(() => {})
    const storm = await watched
    const range = { from: before, to: storm }
    const stormHeed = await clients.ask('results', range, CONNECT_MS)
    return {
      calm: { phase: calm, heed: calmHeed },
      storm: { phase: storm, heed: stormHeed, crowd: await storming },
    }
  } finally {
    for (const child of children) await child.close()
  }
}
