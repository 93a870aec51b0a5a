import { createAdapter } from '@socket.io/redis-adapter'
import { createAdapter as createStreamsAdapter } from '@socket.io/redis-streams-adapter'
import { createClient } from 'redis'
import type { Server, ServerOptions } from 'socket.io'
import type { SpillwayPluginOptions } from '../../../lib/plugin-options.ts'
import type { Spillway } from '../../../lib/spillway.ts'
import { messages } from '../messages.ts'
import { type AppFixture, startApp } from './app.ts'
import type { RawClient } from './server.ts'
import { ROOMY } from './server.ts'

type RedisOptions = NonNullable<Parameters<typeof createClient>[0]>
type RedisClient = ReturnType<typeof createClient>

/** As docs/scaling.md has them. */
export const ADAPTERS = {
  async 'redis-adapter'(io: Server, spillway: Spillway, options: RedisOptions) {
    const pub = spillway.guard(createClient(options))
    const sub = spillway.guard(pub.duplicate())
    await Promise.all([pub.connect(), sub.connect()])
    io.adapter(createAdapter(pub, sub))
    return [pub, sub]
  },
  async 'redis-streams-adapter'(io: Server, spillway: Spillway, options: RedisOptions) {
    const client = spillway.guard(createClient(options))
    await client.connect()
    // it lets go of its own connections when a read ends
    io.adapter(createStreamsAdapter(client, { blockTimeInMs: 200 }))
    return [client]
  },
} satisfies Record<string, (...args: never[]) => Promise<RedisClient[]>>

export type AdapterName = keyof typeof ADAPTERS
export const ADAPTER_NAMES = Object.keys(ADAPTERS) as AdapterName[]

export interface NodeOptions {
  readonly adapter: AdapterName
  readonly url: string
  /** Whether Redis's clients keep what they can't send. */
  readonly keeps?: boolean
  readonly plugin?: SpillwayPluginOptions
  readonly server?: Partial<ServerOptions>
}

/** One server of several: a Fastify app with the plugin, an adapter and its Redis clients. */
export async function startNode(options: NodeOptions): Promise<AppFixture> {
  const { adapter, url, keeps = false, plugin = {}, server = {} } = options
  const fixture = await startApp({
    messages,
    watermarks: ROOMY,
    admin: { auth: false },
    server,
    ...plugin,
  })
  const redis = await ADAPTERS[adapter](fixture.io, fixture.spillway!, {
    url,
    disableOfflineQueue: !keeps,
    socket: { reconnectStrategy: 50 },
  })
  return {
    ...fixture,
    async close() {
      await fixture.close()
      for (const client of redis) client.destroy()
    },
  }
}

/** Emits at a node until a client of another has it: from now on they hear each other. */
export async function linked(from: { readonly io: Server }, client: RawClient): Promise<void> {
  const greeting = `linked ${client.frames.length}`
  const greet = () => from.io.emit(greeting)
  const timer = setInterval(greet, 20)
  greet()
  await client.until(() => client.events.includes(greeting))
  clearInterval(timer)
}
