import { expect } from 'chai'
import type { FastifyInstance } from 'fastify'
import { Counter, Registry as Foreign } from 'prom-client'
import { Server } from 'socket.io'
import { attach } from '../../lib/attach.ts'
import type { SpillwayError } from '../../lib/base/errors.ts'
import { METRICS } from '../../lib/metrics/catalogue.ts'
import { Registry, registerMetrics } from '../../lib/metrics/register.ts'
import { messages } from '../support/messages.ts'
import { parseExposition } from '../support/prometheus/exposition.ts'
import { promtool } from '../support/prometheus/prometheus.ts'
import { expectRefusal, refusalOf, refusalOfPromise } from '../support/refusals.ts'
import { startApp } from '../support/servers/app.ts'

const GIVEN = 'a registry that has a spillway_drains_total of somebody else'
const ALLOWED = 'a registry without other metrics of these names'

describe('A registry of metrics', () => {
  const opened: Array<{ close(): unknown }> = []
  const start = async (registry: Foreign) => {
    const prepare = (app: FastifyInstance) => opened.push(app)
    const fixture = await startApp(
      { messages, metrics: { registry }, admin: { auth: false } },
      prepare,
    )
    opened.push(fixture)
    return fixture
  }
  afterEach(async () => {
    for (const each of opened.splice(0).reverse()) await each.close()
  })

  it('may be the own one of an app without Fastify, as Prometheus likes it', async () => {
    const spillway = attach(new Server(), { messages })
    opened.push(spillway)
    const registry = new Registry()
    registerMetrics(spillway, registry)
    const text = await registry.metrics()
    expect([...parseExposition(text).types.keys()]).to.deep.equal(Object.keys(METRICS))
    expect(promtool(['check', 'metrics'], text)).to.deep.equal({ status: 0, said: '' })
  })

  it('tells OpenMetrics if it is asked to', async () => {
    const spillway = attach(new Server(), { messages })
    opened.push(spillway)
    const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
    registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
    registerMetrics(spillway, registry as never)
    const text = await registry.metrics()
    expect(text).to.match(/\n# EOF\n$/)
    expect(text).to.include('# TYPE spillway_drains counter\nspillway_drains_total 0\n')
    expect(text).to.include('\nspillway_client_rtt_seconds_bucket{le="+Inf"} 0\n')
  })

  it("may be the application's, and then the admin routes do not tell it", async () => {
    const registry = new Foreign()
    const fixture = await start(registry)
    expect((await fetch(`${fixture.url}/spillway`)).status).to.equal(200)
    expect((await fetch(`${fixture.url}/spillway/metrics`)).status).to.equal(404)
    const connected = async () =>
      parseExposition(await registry.metrics()).value('spillway_connected_clients')
    expect(await connected()).to.equal(0)
    await fixture.raw()
    expect(await connected()).to.equal(1)
  })

  describe('of several Spillways', () => {
    const read = async (registry: Foreign) => parseExposition(await registry.metrics())
    const sent = { namespace: '/', event: 'jackpot:won', class: 'critical', outcome: 'sent' }

    it('of two apps tells what both have counted, each once', async () => {
      const registry = new Foreign()
      const [one, two] = [await start(registry), await start(registry)]
      const clients = [await one.raw(), await one.raw(), await two.raw()]
      one.io.emit('jackpot:won', { n: 1 })
      two.io.emit('jackpot:won', { n: 1 })
      await Promise.all(clients.map((each) => each.until(() => each.events.length === 1)))
      const told = await read(registry)
      expect(told.value('spillway_connected_clients')).to.equal(3)
      expect(told.value('spillway_messages_total', sent)).to.equal(3)
      expect(told.value('spillway_client_buffered_bytes_count')).to.equal(
        [one, two].reduce((sum, each) => sum + each.spillway!.readings.meters.buffered.count, 0),
      )
      expect(told.value('spillway_budget_bytes')).to.equal(
        [one, two].reduce((sum, each) => sum + each.spillway!.readings.budget.limit, 0),
      )
      expect(promtool(['check', 'metrics'], await registry.metrics()).status).to.equal(0)
    })

    it('of two in one mode each: what is not to be summed is the least', async () => {
      const registry = new Foreign()
      const [one, two] = [await start(registry), await start(registry)]
      const high = { level: 'high' }
      one.spillway!.setPolicy({ watermarks: { low: 1024, high: 65_536 } })
      two.spillway!.setPolicy({ watermarks: { low: 1024, high: 32_768 } })
      expect((await read(registry)).value('spillway_watermark_bytes', high)).to.equal(32_768)
      expect((await read(registry)).value('spillway_enforcing')).to.equal(1)
      one.spillway!.setMode('observe')
      expect((await read(registry)).value('spillway_enforcing')).to.equal(0)
    })

    it('has those that stay when one is closed: no counter falls, and nobody is connected twice', async () => {
      const registry = new Foreign()
      const [one, two] = [await start(registry), await start(registry)]
      const clients = [await one.raw(), await two.raw()]
      for (const { io } of [one, two]) io.emit('jackpot:won', { n: 1 })
      await Promise.all(clients.map((each) => each.until(() => each.events.length === 1)))
      await opened.splice(opened.indexOf(one), 1)[0]!.close()
      const told = await read(registry)
      expect(told.value('spillway_connected_clients')).to.equal(1)
      expect(told.value('spillway_messages_total', sent)).to.equal(2)
      two.io.emit('jackpot:won', { n: 2 })
      expect((await read(registry)).value('spillway_messages_total', sent)).to.equal(3)
    })

    it('has nothing left when all are closed, and takes the next as the first', async () => {
      const registry = new Foreign()
      const names = () => registry.getMetricsAsArray().map(({ name }) => name)
      for (let round = 0; round < 3; round++) {
        const [one, two] = [attach(new Server(), { messages }), attach(new Server(), { messages })]
        for (const each of [one, two, one]) registerMetrics(each, registry)
        expect(names()).to.deep.equal(Object.keys(METRICS))
        one.close()
        expect(names()).to.deep.equal(Object.keys(METRICS))
        two.close()
        expect(names()).to.deep.equal([])
        const refusal = refusalOf(() => registerMetrics(two, registry))
        expect(refusal).to.have.property('code', 'SPILLWAY_CLOSED')
        expect(names(), 'of one that is closed').to.deep.equal([])
      }
    })

    it('leaves alone what is not its own in a registry that was cleared', () => {
      const registry = new Foreign()
      const [one, two] = [attach(new Server()), attach(new Server())]
      opened.push(one, two)
      registerMetrics(one, registry)
      registry.clear()
      registerMetrics(two, registry)
      one.close()
      expect(registry.getMetricsAsArray()).to.have.length(Object.keys(METRICS).length)
    })

    it('is the same for an app that tells OpenMetrics, which renames counters', async () => {
      const registry = new Registry<typeof Registry.OPENMETRICS_CONTENT_TYPE>()
      registry.setContentType(Registry.OPENMETRICS_CONTENT_TYPE)
      const spillway = attach(new Server(), { messages })
      registerMetrics(spillway, registry as never)
      await registry.metrics()
      spillway.close()
      expect(registry.getMetricsAsArray()).to.deep.equal([])
    })
  })

  it('is refused if it has other metrics of these names, also at boot', async () => {
    const registry = new Foreign()
    new Counter({ name: 'spillway_drains_total', help: 'Of a dishwasher.', registers: [registry] })
    const spillway = attach(new Server())
    opened.push(spillway)
    const refusal = refusalOf(() => registerMetrics(spillway, registry))
    expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', 'metrics.registry', GIVEN, ALLOWED)
    // no instanceof: mocha gives what the plugin imports at boot modules of its own
    const atBoot = await start(registry).then(
      () => undefined,
      (thrown: unknown) => thrown,
    )
    expectRefusal(
      atBoot as SpillwayError,
      'SPILLWAY_INVALID_OPTION',
      'metrics.registry',
      GIVEN,
      ALLOWED,
    )
    const refused = opened.at(-1) as FastifyInstance
    expect(refused.hasDecorator('spillway'), 'the app is as it was').to.equal(false)
    expect(refused.server.listenerCount('upgrade')).to.equal(0)
    expect(registry.getMetricsAsArray()).to.have.length(1)
  })

  it('is refused if it is none', async () => {
    expectRefusal(
      await refusalOfPromise(start({} as Foreign)),
      'SPILLWAY_INVALID_OPTION',
      'metrics.registry',
      'an object',
      'a Registry of prom-client',
    )
  })
})
