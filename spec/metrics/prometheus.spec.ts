import { readFile } from 'node:fs/promises'
import { expect } from 'chai'
import { type Lobby, startLobby } from '../../demo/lobby/server.ts'
import { startWifi, type Wifi } from '../../demo/lobby/wifi.ts'
import { Registry, registerMetrics } from '../../lib/metrics/register.ts'
import { reached } from '../support/browser/browser.ts'
import { type Prometheus, startPrometheus } from '../support/prometheus/prometheus.ts'
import { connectors } from '../support/servers/server.ts'

/** Seconds here are minutes in production. */
const LIMIT_MS = 120_000

describe('A real Prometheus', function () {
  this.timeout(LIMIT_MS)

  let lobby: Lobby
  let wifi: Wifi
  let prometheus: Prometheus
  const clients: Array<{ close(): unknown }> = []

  before(async () => {
    lobby = await startLobby({
      load: { seconds: 100 },
      setup(app) {
        const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
        registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
        registerMetrics(app.spillway, registry as never)
        app.get('/openmetrics', (_, reply) =>
          registry.metrics().then((text) => reply.type(registry.contentType).send(text)),
        )
      },
    })
    wifi = await startWifi({ target: lobby, bytesPerSecond: 10_000 })
    const rules = await readFile(new URL('../../docs/alerts.yml', import.meta.url), 'utf8')
    const { port } = lobby
    prometheus = await startPrometheus({
      jobs: {
        lobby: { port, path: '/spillway/metrics' },
        openmetrics: { port, path: '/openmetrics' },
      },
      rules: hurried(rules),
    })
  })

  after(async () => {
    for (const client of clients) client.close()
    await prometheus?.close()
    await wifi?.close()
    await lobby?.close()
  })

  it('scrapes the lobby, and fires when a slow client is added, not before', async () => {
    const { value, firing } = prometheus
    await connectors(lobby.url, clients).client()
    await reached('scraped', async () => (await value(ofLobby('connected_clients'))) === 1)
    await reached('load', async () => (await value(ofLobby('fanout_busy_seconds_total')))! > 0)
    // well beyond the `for` of the rule
    const scrapes = 'count_over_time(up{job="lobby"}[1m])'
    await reached('ten scrapes', async () => (await value(scrapes))! > 10, 60_000)
    expect(await value(SHED_RATIO)).to.be.lessThan(0.25)
    expect(await firing()).to.not.include('SpillwayShedRatioHigh')

    await connectors(wifi.url, clients).client()
    await reached('firing', async () => (await firing()).includes('SpillwayShedRatioHigh'), 60_000)
    expect(await value(SHED_RATIO)).to.be.greaterThan(0.25)
    expect(await firing()).to.not.include('SpillwayObserving')
  })

  it('takes OpenMetrics too, with the same names', async () => {
    const { value } = prometheus
    const count = (job: string) => value(`count({job="${job}", __name__=~"spillway_.+"})`)
    await reached('scraped', async () => (await value('up{job="openmetrics"}')) === 1)
    await reached('as many series', async () => {
      const [plain, open] = [await count('lobby'), await count('openmetrics')]
      return plain !== undefined && plain === open
    })
    expect(await value('spillway_drains_total{job="openmetrics"}')).to.be.a('number')
  })
})

const SHED_RATIO = 'spillway:shed:ratio{job="lobby"}'

function ofLobby(name: string): string {
  return `spillway_${name}{job="lobby"}`
}

/** The rules as they are, with the minutes of windows made seconds, and those of `for` a fifth. */
function hurried(rules: string): string {
  const quick = rules
    .replace(/\[(\d+)m\]/g, '[$1s]')
    .replace(/for: (\d+)[mh]/g, (_, time: string) => `for: ${Math.ceil(Number(time) / 5)}s`)
  const slow = /^.*(\[\d+[^s\d]|for: \d+[^s\d]).*$/m.exec(quick)
  if (slow) throw new Error(`nobody waits for that: ${slow[0]}`)
  return quick
}
