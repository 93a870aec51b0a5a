import { spawnSync } from 'node:child_process'
import { expect } from 'chai'
import { Registry as Foreign } from 'prom-client'
import { Server } from 'socket.io'
import { attach } from '../lib/attach.ts'
import { METRICS } from '../lib/metrics/catalogue.ts'
import { Registry, registerMetrics } from '../lib/metrics/register.ts'
import { CLOSING_CODES, MESSAGE_OUTCOMES, SEND_STATES } from '../lib/outcomes.ts'
import { KiB } from '../lib/units.ts'
import { type AppFixture, startApp } from './support/app.ts'
import { parseExposition } from './support/exposition.ts'
import { choke } from './support/flood.ts'
import { messages } from './support/messages.ts'
import { expectRefusal, refusalOf, refusalOfPromise } from './support/refusals.ts'
import { eventually } from './support/server.ts'

const CLOSED_SETS: Readonly<Record<string, readonly string[]>> = {
  class: ['critical', 'cosmetic'],
  outcome: Object.keys(MESSAGE_OUTCOMES),
  code: CLOSING_CODES,
  state: SEND_STATES,
  level: ['low', 'high', 'limit', 'emergency'],
  namespace: ['/', 'other', '/^\\\\/table-/'],
  event: [...Object.keys(messages), 'hand', 'other'],
}

describe('Metrics', () => {
  let fixture: AppFixture
  const start = async (options: Parameters<typeof startApp>[0] = {}) => {
    const namespaces = new Map([[/^\/table-/, { hand: messages['jackpot:won'] }]])
    fixture = await startApp({ messages, namespaces, admin: { auth: false }, ...options })
  }
  const scrape = async () => {
    const answer = await fetch(`${fixture.url}/spillway/metrics`)
    expect(answer.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/)
    return parseExposition(await answer.text())
  }
  afterEach(() => fixture?.close())

  it('tell what the stats tell', async () => {
    const watermarks = { low: 4 * KiB, high: 8 * KiB, limit: 128 * 1024 * KiB }
    await start({ watermarks })
    const [slow, gone] = [await fixture.raw(), await fixture.raw()]
    fixture.io.emit('jackpot:won', { n: 1 })
    fixture.io.emit('reel:frame', { n: 'no number' })
    await choke(fixture, slow)
    for (let n = 0; n < 20; n++) fixture.io.emit('reel:frame', { n })
    const { spillway } = fixture.app
    await eventually(() => spillway.stats().census.states.blocked > 0)
    const id = [...fixture.io.sockets.sockets.keys()].at(-1)!
    spillway.terminate(id)
    await eventually(() => spillway.stats().clients.connected === 1)
    const told = await scrape()
    const stats = spillway.stats()
    for (const { namespace, event, class: class_, invalid, ...outcomes } of stats.events) {
      for (const outcome of Object.keys(MESSAGE_OUTCOMES) as Array<keyof typeof MESSAGE_OUTCOMES>) {
        const labels = {
          namespace: namespace.replaceAll('\\', '\\\\'),
          event,
          class: class_,
          outcome,
        }
        expect(told.value('spillway_messages_total', labels)).to.equal(outcomes[outcome].messages)
        expect(told.value('spillway_message_bytes_total', labels)).to.equal(outcomes[outcome].bytes)
      }
    }
    const ofFrames = { namespace: '/', event: 'reel:frame' }
    expect(
      told.value('spillway_messages_total', { ...ofFrames, outcome: 'dropped', class: 'cosmetic' }),
    ).to.be.greaterThan(0)
    expect(told.value('spillway_invalid_payloads_total', ofFrames)).to.equal(1)
    expect(told.value('spillway_connected_clients')).to.equal(1)
    expect(told.value('spillway_congested_clients')).to.equal(stats.clients.congested)
    expect(told.value('spillway_closings_total', { code: 'terminated' })).to.equal(1)
    expect(told.value('spillway_drains_total')).to.equal(stats.drains)
    expect(told.value('spillway_critical_latency_seconds_count')).to.equal(
      stats.criticalLatency.count,
    )
    expect(told.value('spillway_critical_latency_seconds_sum')).to.be.closeTo(
      stats.criticalLatency.sum / 1000,
      1e-9,
    )
    expect(told.value('spillway_watermark_bytes', { level: 'high' })).to.equal(8 * KiB)
    expect(told.value('spillway_enforcing')).to.equal(1)
    gone.close()
  })

  it('have cumulative buckets, with 64, 128, 256 and 512 KiB among them, that end in the count', async () => {
    await start()
    const client = await fixture.raw()
    await choke(fixture, client)
    const { types, samples, value } = await scrape()
    const histograms = [...types].filter(([, type]) => type === 'histogram').map(([name]) => name)
    expect(histograms).to.have.length(4)
    for (const name of histograms) {
      const buckets = samples.filter((each) => each.name === `${name}_bucket`)
      const counts = buckets.map((each) => each.value)
      expect(counts).to.deep.equal([...counts].sort((a, b) => a - b))
      expect(buckets.at(-1)!.labels.le).to.equal('+Inf')
      expect(counts.at(-1)).to.equal(value(`${name}_count`))
    }
    const bounds = samples
      .filter(({ name }) => name === 'spillway_client_buffered_bytes_bucket')
      .map(({ labels }) => Number(labels.le))
    expect(bounds).to.include.members([64 * KiB, 128 * KiB, 256 * KiB, 512 * KiB])
    expect(value('spillway_client_buffered_bytes_sum')).to.be.greaterThan(0)
  })

  it('have labels of closed sets only, whatever is emitted where', async () => {
    await start()
    const series = async () =>
      (await scrape()).samples.map(({ name, labels }) => JSON.stringify([name, labels])).sort()
    const before = await series()
    fixture.io.of(/^\/table-/)
    for (const namespace of ['/table-1', '/table-2']) await fixture.raw({ namespace })
    fixture.io.of('/<b>').on('connection', () => {})
    await fixture.raw({ namespace: '/<b>' })
    for (let n = 0; n < 50; n++) {
      fixture.io.of('/table-1').emit('hand', { n })
      fixture.io.of('/<b>').emit(`event-${n}`, n)
      fixture.io.emit(`<img src=x>"\n${n}`, n)
      fixture.io.emit('constructor', n)
    }
    expect(await series()).to.deep.equal(before)
    for (const { name, labels } of (await scrape()).samples) {
      const { le, ...others } = labels
      expect(le === undefined || name.endsWith('_bucket')).to.equal(true)
      for (const [label, value] of Object.entries(others))
        expect(CLOSED_SETS[label], label).to.include(value)
    }
    const { value } = await scrape()
    const labels = {
      namespace: '/^\\\\/table-/',
      event: 'hand',
      class: 'critical',
      outcome: 'sent',
    }
    expect(value('spillway_messages_total', labels)).to.equal(50)
  })

  it('follow the conventions of Prometheus, in both of its formats', async () => {
    const io = new Server()
    const spillway = attach(io, { messages })
    for (const type of [Registry.PROMETHEUS_CONTENT_TYPE, Registry.OPENMETRICS_CONTENT_TYPE]) {
      const registry = new Registry()
      registry.setContentType(type as never)
      registerMetrics(spillway, registry)
      const text = await registry.metrics()
      expect(text).to.match(type === Registry.OPENMETRICS_CONTENT_TYPE ? /# EOF\n$/ : /\n$/)
      expect(text).to.include('spillway_drains_total 0')
      if (type === Registry.OPENMETRICS_CONTENT_TYPE) continue
      const lint = spawnSync('promtool', ['check', 'metrics'], { input: text, encoding: 'utf8' })
      expect([lint.status, lint.stdout, lint.stderr]).to.deep.equal([0, '', ''])
    }
    spillway.close()
  })

  it('never go down where they count', async () => {
    await start({ watermarks: { low: 4 * KiB, high: 8 * KiB, limit: 128 * 1024 * KiB } })
    const clients = [await fixture.raw(), await fixture.raw()]
    let before = (await scrape()).samples
    const { types } = await scrape()
    const counts = (name: string) => {
      const base = name.replace(/_(bucket|sum|count)$/, '')
      return types.get(name) === 'counter' || types.get(base) === 'histogram'
    }
    for (let turn = 0; turn < 5; turn++) {
      for (let n = 0; n < 50; n++) fixture.io.emit('reel:frame', { n, pad: 'x'.repeat(4096) })
      if (turn === 2) clients[0]!.close()
      const { samples } = await scrape()
      for (const [index, { name, labels, value }] of samples.entries()) {
        if (counts(name))
          expect(value, `${name} ${JSON.stringify(labels)}`).to.be.at.least(before[index]!.value)
      }
      before = samples
    }
  })

  it("go to the application's own registry, and then are not told by the admin routes", async () => {
    const registry = new Foreign()
    await start({ metrics: { registry } })
    expect((await fetch(`${fixture.url}/spillway/metrics`)).status).to.equal(404)
    const { value } = parseExposition(await registry.metrics())
    expect(value('spillway_connected_clients')).to.equal(0)
    await fixture.raw()
    expect(parseExposition(await registry.metrics()).value('spillway_connected_clients')).to.equal(
      1,
    )
  })

  it('are refused by a registry that has them, with its path', async () => {
    const registry = new Foreign()
    await start({ metrics: { registry } })
    const spillway = attach(new Server())
    const allowed = 'a registry without the metrics of another Spillway'
    const given = 'a registry that has spillway_client_buffered_bytes'
    const refusal = refusalOf(() => registerMetrics(spillway, registry))
    expectRefusal(refusal, 'SPILLWAY_INVALID_OPTION', 'metrics.registry', given, allowed)
    spillway.close()
    const wrong = startApp({ metrics: { registry: {} as Foreign } })
    expectRefusal(
      await refusalOfPromise(wrong),
      'SPILLWAY_INVALID_OPTION',
      'metrics.registry',
      'an object',
      'a Registry of prom-client',
    )
  })

  it('have a help, and a unit in the name of what has one', () => {
    for (const [name, { type, help }] of Object.entries(METRICS)) {
      expect(help, name).to.match(/^[A-Z0-9].*\.$/)
      expect(name.endsWith('_total'), name).to.equal(type === 'counter')
      if (type === 'histogram') expect(name).to.match(/_(bytes|seconds|bytes_per_second)$/)
    }
  })
})
