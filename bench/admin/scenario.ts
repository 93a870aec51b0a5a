import { setTimeout as sleep } from 'node:timers/promises'
import { percentiles, table } from '../../demo/headless/figures.ts'
import { Child } from '../../spec/support/process/child.ts'
import type { Scenario } from '../harness/scenario.ts'
import { round } from '../harness/statistics.ts'
import type { ClientHandlers } from '../lobby/client.ts'
import type { Answers, AskerHandlers } from './asker.ts'
import type { ServerHandlers } from './server.ts'

const HOST = '127.0.0.1'
const CONNECT_MS = 180_000
const SETTLE_MS = 2000
/** Of all connections. */
const SLOW_SHARE = 0.05

/** How long the admin routes and a scrape take while everybody is sent 2 KB every 500 ms. */
export const admin: Scenario = {
  usage: `  --connections <n>      default 14000
  --seconds <n>          of load; default 60
  --bytes <n>            of a message; default 2048`,

  prepare(args) {
    const connections = args.number('connections', { default: 14_000, min: 100, max: 14_000 })
    const seconds = args.number('seconds', { default: 60, min: 5, max: 3600 })
    const bytes = args.number('bytes', { default: 2048, min: 128, max: 65_536 })

    return async (signal) => {
      const children: Array<{ close(): Promise<void> }> = []
      const start = <C extends { close(): Promise<void> }>(child: C): C => {
        children.push(child)
        return child
      }
      const module = (path: string) => new URL(path, import.meta.url)
      try {
        const server = start(new Child<ServerHandlers>(module('server.js'), { signal }))
        const clients = start(new Child<ClientHandlers>(module('../lobby/client.js'), { signal }))
        const asker = start(new Child<AskerHandlers>(module('asker.js'), { signal }))
        const port = await server.ask('open', { host: HOST })
        const slow = Math.round(connections * SLOW_SHARE)
        const counts = { healthy: connections - slow, slow }
        await clients.ask('open', { host: HOST, port, counts }, CONNECT_MS)
        await sleep(SETTLE_MS)
        const where = { host: HOST, port, seconds: seconds - 1 }
        const idle = await asker.ask('ask', { ...where, seconds: 5 }, 60_000)
        const loading = server.ask('load', { seconds, bytes }, seconds * 2000 + CONNECT_MS)
        const answers = await asker.ask('ask', where, seconds * 2000 + CONNECT_MS)
        const load = await loading
        const { healthy } = await clients.ask('results', { last: load.critical }, CONNECT_MS)
        const routes = Object.fromEntries(
          Object.entries(answers).map(([route, of]) => [route, figuresOf(of, idle[route])]),
        )
        return {
          text: tableOf(routes),
          figures: {
            connections: load.connections,
            seconds,
            bytes,
            cpu_share: load.process.cpu_share,
            loop_delay_p99_ms: load.process.loop_delay_ms.p99,
            critical_lost_healthy: healthy?.lost ?? null,
            routes,
          },
        }
      } finally {
        for (const child of children) await child.close()
      }
    }
  },
}

function figuresOf({ took, bytes }: Answers, idle: Answers | undefined) {
  const { p50, p99, max } = percentiles(took)
  const each = (value: number | null) => (value === null ? null : round(value, 1))
  return {
    asked: took.length,
    bytes,
    ms: { p50: each(p50), p99: each(p99), max: each(max) },
    idle_ms: { p50: each(percentiles(idle?.took ?? []).p50) },
  }
}

function tableOf(routes: Readonly<Record<string, ReturnType<typeof figuresOf>>>): string {
  const head = ['', 'asked', 'KB', 'p50 / p99 / max ms', 'without load p50']
  const rows = Object.entries(routes).map(([route, { asked, bytes, ms, idle_ms }]) => [
    route || '/',
    String(asked),
    String(round(bytes / 1000, 1)),
    `${ms.p50} / ${ms.p99} / ${ms.max}`,
    String(idle_ms.p50),
  ])
  return table([head, ...rows])
}
