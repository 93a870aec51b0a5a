import { setTimeout as sleep } from 'node:timers/promises'
import { Child } from '../../spec/support/process/child.ts'
import { closedAmong } from '../harness/closed-ports.ts'
import type { ProcessFigures } from '../harness/process-meter.ts'
import type { AttackName } from './attacks.ts'
import type { ClientHandlers } from './client.ts'
import type { HostileHandlers } from './hostile.ts'
import type { LoadOptions, ServerHandlers } from './server.ts'
import type { Kind } from './visitor.ts'

export interface Soak extends LoadOptions {
  readonly counts: Readonly<Record<Kind, number>>
  /** Clients a second that leave and come. */
  readonly churn: number
  /** Hostile clients beside the others. */
  readonly hostile: number
  readonly attacks: readonly AttackName[]
}

type Answer<Name extends keyof ServerHandlers> = Awaited<ReturnType<ServerHandlers[Name]>>

export interface Trial {
  /** Alive before the first client, in bytes. */
  readonly before: number
  readonly load: Answer<'load'>
  readonly left: Answer<'left'>
  readonly received: Awaited<ReturnType<ClientHandlers['results']>>
  /** Without hostile clients undefined. */
  readonly hostile: Awaited<ReturnType<HostileHandlers['leave']>> | undefined
  readonly clients: ProcessFigures
}

const HOST = '127.0.0.1'
const RUNTIME = [process.execPath, '--expose-gc']
const CONNECT_MS = 180_000
const DEAF_EVERY_MS = 5000

export async function runTrial(soak: Soak, signal: AbortSignal): Promise<Trial> {
  const children: Array<{ close(): Promise<void> }> = []
  const start = <C extends { close(): Promise<void> }>(child: C): C => {
    children.unshift(child)
    return child
  }
  const module = (path: string) => new URL(path, import.meta.url)
  let over = false
  try {
    const server = start(
      new Child<ServerHandlers>(module('server.js'), { signal, runtime: RUNTIME }),
    )
    const port = await server.ask('open', undefined)
    const before = await server.ask('alive', undefined)
    const clients = start(new Child<ClientHandlers>(module('client.js'), { signal }))
    await clients.ask('open', { host: HOST, port, counts: soak.counts }, CONNECT_MS)
    let hostile: Child<HostileHandlers> | undefined
    if (soak.hostile > 0) {
      hostile = start(new Child<HostileHandlers>(module('hostile.js'), { signal }))
      await hostile.ask('open', { host: HOST, port, count: soak.hostile, kinds: soak.attacks })
    }
    const loading = server.ask('load', soak, soak.seconds * 2000 + CONNECT_MS)
    const troubles = async (): Promise<ProcessFigures> => {
      await clients.ask('start', { aSecond: soak.churn })
      while (!over) {
        await sleep(DEAF_EVERY_MS)
        await clients.ask('closed', await closedAmong(await clients.ask('deaf', undefined)))
      }
      return clients.ask('stop', undefined)
    }
    const troubled = troubles()
    // a server that fails ends all of it, and its error is the one to tell
    troubled.catch(() => {})
    const load = await loading.finally(() => {
      over = true
    })
    const clientsProcess = await troubled
    const received = await clients.ask('results', { last: load.critical }, CONNECT_MS)
    const attackers = await hostile?.ask('leave', undefined)
    await clients.ask('leave', undefined)
    const left = await server.ask('left', undefined, CONNECT_MS)
    return { before, load, left, received, clients: clientsProcess, hostile: attackers }
  } finally {
    over = true
    for (const child of children) await child.close()
  }
}
