import { table } from '../../demo/headless/figures.ts'
import type { Scenario } from '../harness/scenario.ts'
import { countsOf, openFar } from '../lobby/scenario.ts'
import { runTrial } from '../lobby/trial.ts'
import { type Visit, visitDashboard } from './visit.ts'

/**
 * The dashboard in a browser while the lobby is under load: whether it says what the API says, and
 * how long it takes.
 */
export const dashboard: Scenario = {
  usage: `  --connections <n>      of the lobby; default 14000
  --seconds <n>          of load; default 120
  --bytes <n>            of a message; default 2048
  --pictures <folder>    takes pictures: overview, phone, dark, one client; default: none`,

  prepare(args) {
    const connections = args.number('connections', { default: 14_000, min: 100, max: 14_000 })
    const seconds = args.number('seconds', { default: 120, min: 60, max: 7200 })
    const bytes = args.number('bytes', { default: 2048, min: 128, max: 65_536 })
    const pictures = args.text('pictures')

    return async (signal) => {
      console.error(`${connections} connections, ${seconds} s of load`)
      const far = await openFar()
      try {
        const lobby = { seconds, bytes, counts: countsOf(connections, far) }
        let visit: Visit | undefined
        const { load } = await runTrial('dashboard', lobby, far, signal, async (port) => {
          visit = await visitDashboard({ port, seconds, pictures, signal })
        })
        const server = {
          cpu_share: load.process.cpu_share,
          loop_delay_p99_ms: load.process.loop_delay_ms.p99,
        }
        return {
          text: textOf(visit!, server),
          figures: { connections: load.connections, seconds, bytes, ...visit!, server },
        }
      } finally {
        await far?.close()
      }
    }
  },
}

function textOf(visit: Visit, server: Readonly<Record<string, number>>): string {
  const { shown, page_load, refresh, longest_task_ms: longest } = visit
  const rows = Object.entries(refresh).map(([route, { asked, ms }]) => [
    route || '/',
    String(asked),
    `${ms.p50} / ${ms.p99} / ${ms.max}`,
  ])
  return [
    `The page and the API agree: ${shown.connected} connected, ${shown.congested} congested, first: ${shown.first}`,
    `“${shown.verdict}”`,
    `From address to rows: ${page_load.ms.p50} ms, at most ${page_load.ms.max} ms (${page_load.files} files, ${page_load.kb} KB)`,
    `The page's longest task after that: ${longest} ms. Server: ${JSON.stringify(server)}`,
    table([['', 'asked', 'p50 / p99 / max ms'], ...rows]),
  ].join('\n')
}
