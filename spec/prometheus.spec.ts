import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'chai'
import { type Lobby, startLobby } from '../demo/server.ts'
import { startWifi, type Wifi } from '../demo/wifi.ts'
import { reached } from './support/browser.ts'
import { connectors } from './support/server.ts'

/** Seconds here are minutes in production. */
const LIMIT_MS = 120_000

describe('A real Prometheus', function () {
  this.timeout(LIMIT_MS)

  let folder: string
  let lobby: Lobby
  let wifi: Wifi
  let prometheus: ChildProcess
  let api: string
  const clients: Array<{ close(): unknown }> = []

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'spillway-prometheus-'))
    lobby = await startLobby({ load: { seconds: 100 } })
    wifi = await startWifi({ target: lobby, bytesPerSecond: 10_000 })
    const port = await freePort()
    api = `http://127.0.0.1:${port}/api/v1`
    prometheus = await startPrometheus(folder, port, lobby.port)
    await reached('ready', async () => (await ask('query?query=1')) !== undefined)
  })

  after(async () => {
    for (const client of clients) client.close()
    if (prometheus?.exitCode === null) {
      prometheus.kill()
      await once(prometheus, 'exit')
    }
    await wifi?.close()
    await lobby?.close()
    await rm(folder, { recursive: true, force: true })
  })

  it('scrapes the lobby, and fires when a slow client is added, not before', async () => {
    const { client } = connectors(lobby.url, clients)
    await client()
    await reached('scraped', async () => (await value('spillway_connected_clients')) === 1)
    // well beyond the `for` of the rule
    await reached('some load', async () => (await value('spillway_fanout_busy_seconds_total'))! > 0)
    await reached('ten scrapes', async () => (await value('count_over_time(up[1m])'))! > 10, 60_000)
    expect(await value('spillway:shed:ratio')).to.be.lessThan(0.25)
    expect(await firing()).to.not.include('SpillwayShedRatioHigh')

    const { client: slowClient } = connectors(wifi.url, clients)
    await slowClient()
    await reached('firing', async () => (await firing()).includes('SpillwayShedRatioHigh'), 60_000)
    expect(await value('spillway:shed:ratio')).to.be.greaterThan(0.25)
    expect(await firing()).to.not.include('SpillwayObserving')
  })

  async function ask(path: string): Promise<unknown> {
    const answer = await fetch(`${api}/${path}`).catch(() => undefined)
    return answer?.ok ? ((await answer.json()) as { data: unknown }).data : undefined
  }

  async function value(query: string): Promise<number | undefined> {
    const data = (await ask(`query?query=${encodeURIComponent(query)}`)) as
      | { result: Array<{ value: [number, string] }> }
      | undefined
    const [first] = data?.result ?? []
    return first && Number(first.value[1])
  }

  async function firing(): Promise<string[]> {
    const data = (await ask('alerts')) as {
      alerts: Array<{ state: string; labels: { alertname: string } }>
    }
    return data.alerts
      .filter(({ state }) => state === 'firing')
      .map(({ labels }) => labels.alertname)
  }
})

async function startPrometheus(
  folder: string,
  port: number,
  target: number,
): Promise<ChildProcess> {
  const rules = await readFile(new URL('../docs/alerts.yml', import.meta.url), 'utf8')
  await writeFile(join(folder, 'alerts.yml'), hurried(rules))
  await writeFile(join(folder, 'prometheus.yml'), configOf(target))
  return spawn(
    'prometheus',
    [
      `--config.file=${join(folder, 'prometheus.yml')}`,
      `--storage.tsdb.path=${join(folder, 'data')}`,
      `--web.listen-address=127.0.0.1:${port}`,
    ],
    { stdio: 'ignore' },
  )
}

/** The rules as they are, with the minutes of windows made seconds, and those of `for` a fifth. */
function hurried(rules: string): string {
  return rules
    .replace(/\[(\d+)m\]/g, '[$1s]')
    .replace(/for: (\d+)[mh]/g, (_, time: string) => `for: ${Math.ceil(Number(time) / 5)}s`)
}

function configOf(target: number): string {
  return `
global:
  scrape_interval: 1s
  evaluation_interval: 1s
rule_files: [alerts.yml]
scrape_configs:
  - job_name: lobby
    metrics_path: /spillway/metrics
    static_configs:
      - targets: ['127.0.0.1:${target}']
`
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as { port: number }
  server.close()
  await once(server, 'close')
  return port
}
