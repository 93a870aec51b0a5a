import { expect } from 'chai'
import type { FastifyInstance } from 'fastify'
import { Registry as Foreign } from 'prom-client'
import { Server } from 'socket.io'
import { attach } from '../lib/attach.ts'
import type { SpillwayError } from '../lib/errors.ts'
import { METRICS } from '../lib/metrics/catalogue.ts'
import { Registry, registerMetrics } from '../lib/metrics/register.ts'
import { startApp } from './support/app.ts'
import { parseExposition } from './support/exposition.ts'
import { messages } from './support/messages.ts'
import { promtool } from './support/prometheus.ts'
import { expectRefusal, refusalOf, refusalOfPromise } from './support/refusals.ts'

const GIVEN = 'a registry that has spillway_client_buffered_bytes'
const ALLOWED = 'a registry without the metrics of another Spillway'

describe('A registry of metrics', () => {
  const opened: Array<{ close(): unknown }> = []
  const start = async (registry: Foreign) => {
    const prepare = (app: FastifyInstance) => opened.push(app)
    const fixture = await startApp({ metrics: { registry }, admin: { auth: false } }, prepare)
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

  it('has the metrics of one Spillway: of another it is refused, also at boot', async () => {
    const registry = new Foreign()
    await start(registry)
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
