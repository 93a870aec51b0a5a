import { isDeepStrictEqual } from 'node:util'
import { expect } from 'chai'
import {
  ADAPTER_FAULTS,
  CLOSING_CODES,
  MESSAGE_OUTCOMES,
  REFUSAL_REASONS,
  SEND_STATES,
} from '../../lib/base/outcomes.ts'
import { KiB } from '../../lib/base/units.ts'
import { type Counted, METRICS } from '../../lib/metrics/catalogue.ts'
import { reached } from '../support/browser/browser.ts'
import { choke } from '../support/clients/flood.ts'
import { messages } from '../support/messages.ts'
import { keyOf, parseExposition } from '../support/prometheus/exposition.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import { eventually } from '../support/servers/server.ts'

const TABLES = /^\/table-/

const CLOSED_SETS: Readonly<Record<string, readonly string[]>> = {
  class: ['critical', 'cosmetic'],
  outcome: Object.keys(MESSAGE_OUTCOMES),
  code: CLOSING_CODES,
  reason: REFUSAL_REASONS,
  kind: Object.keys(ADAPTER_FAULTS),
  state: SEND_STATES,
  level: ['low', 'high', 'limit', 'emergency'],
  namespace: ['/', 'other', String(TABLES)],
  event: [...Object.keys(messages), 'hand', 'other'],
}

describe('Metrics', () => {
  let fixture: AppFixture
  const start = async (options: Parameters<typeof startApp>[0] = {}) => {
    const namespaces = new Map([[TABLES, { hand: messages['jackpot:won'] }]])
    fixture = await startApp({ messages, namespaces, admin: { auth: false }, ...options })
  }
  const scrape = async () => {
    const answer = await fetch(`${fixture.url}/spillway/metrics`)
    expect(answer.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/)
    return parseExposition(await answer.text())
  }
  afterEach(() => fixture?.close())

  /** A scrape between two looks at the stats that told the same. */
  async function scrapedWhileStill() {
    const look = () => {
      const { memory, fanout, census, buffered, ...stats } = fixture.app.spillway.stats()
      const clients = [...fixture.app.spillway.clients()]
      const sum = clients.reduce((bytes, client) => bytes + client.buffered, 0)
      const states = clients.map(({ state }) => state)
      const { age, ...counted } = census
      return { ...stats, census: counted, slices: fanout.slices, sum, states }
    }
    let stats = look()
    let told = await scrape()
    await reached('nothing that changes', async () => {
      stats = look()
      told = await scrape()
      const is = told.value('spillway_buffered_bytes')
      return is === stats.sum && JSON.stringify(look()) === JSON.stringify(stats)
    })
    return { told, stats }
  }

  it('tell of the same bytes buffered as the stats, without waiting for a lap', async () => {
    await start()
    const slow = await fixture.raw()
    slow.stall()
    for (let n = 1; n <= 3; n++) {
      fixture.io.emit('jackpot:won', { n, pad: 'x'.repeat(n * 10_000) })
      const { buffered } = fixture.app.spillway.stats()
      expect(buffered).to.be.greaterThan(n * 10_000)
      expect((await scrape()).value('spillway_buffered_bytes')).to.equal(buffered)
    }
  })

  it('tell of the states that the clients are in, without waiting for a lap', async () => {
    const watermarks = { low: 4 * KiB, high: 8 * KiB, limit: 128 * 1024 * KiB, horizon: 0 }
    await start({ watermarks })
    const slow = await fixture.raw()
    await fixture.raw()
    await fixture.client({ transports: ['polling'] })
    const silent = await fixture.raw({ autoPong: false })
    const states = new Set<string>()
    const metric = METRICS.spillway_clients as Counted
    const look = () => {
      const expected: Record<string, number> = {}
      for (const { state, buffered } of fixture.app.spillway.clients()) {
        // one for which nothing waits is not paced
        const each = buffered === 0 && state === 'windowed' ? 'ready' : state
        expected[each] = (expected[each] ?? 0) + 1
        states.add(each)
      }
      const told = [...metric.rows(fixture.app.spillway)].filter(([, count]) => count > 0)
      return { expected, told: Object.fromEntries(told.map(([{ state }, n]) => [state, n])) }
    }
    const compare = async (what: string) => {
      let { expected, told } = look()
      // pacing may let a client go on between the two: so again, in the same tick
      for (let n = 0; n < 5 && !isDeepStrictEqual(expected, told); n++)
        ({ expected, told } = look())
      expect(told, what).to.deep.equal(expected)
      const scraped = await scrape()
      const values = SEND_STATES.map((state) => scraped.value('spillway_clients', { state })!)
      expect(
        values.reduce((sum, value) => sum + value, 0),
        what,
      ).to.equal(4)
    }
    await compare('idle')
    fixture.io.emit('jackpot:won', { n: 1, pad: 'x'.repeat(4 * KiB) })
    await eventually(() => {
      // heartbeats that it has answered, and no marker
      silent.send('3')
      return [...fixture.app.spillway.clients()].some(({ state }) => state === 'blind')
    })
    await compare('blind')
    slow.stall()
    for (let n = 0; n < 40; n++) {
      fixture.io.emit(n % 2 ? 'reel:frame' : 'jackpot:won', { n, pad: 'x'.repeat(4 * KiB) })
      await compare(`message ${n}`)
    }
    await choke(fixture, slow)
    await compare('choked')
    expect([...states]).to.include.members(['ready', 'windowed', 'blocked', 'blind'])
  })

  it('tell what the stats tell', async () => {
    await start({
      watermarks: { low: 4 * KiB, high: 8 * KiB, limit: 128 * 1024 * KiB, horizon: 0 },
    })
    const [slow, gone] = [await fixture.raw(), await fixture.raw()]
    fixture.io.emit('jackpot:won', { n: 1 })
    fixture.io.emit('reel:frame', { n: 'no number' })
    await choke(fixture, slow)
    for (let n = 0; n < 20; n++) fixture.io.emit('reel:frame', { n })
    const { spillway } = fixture.app
    await eventually(() => spillway.stats().census.states.blocked > 0)
    spillway.terminate([...fixture.io.sockets.sockets.keys()].at(-1)!)
    await eventually(() => spillway.stats().clients.connected === 1)
    const { told, stats } = await scrapedWhileStill()
    const { value } = told

    for (const {
      namespace,
      event,
      class: class_,
      invalid,
      observed,
      ...outcomes
    } of stats.events) {
      for (const outcome of Object.keys(MESSAGE_OUTCOMES) as Array<keyof typeof MESSAGE_OUTCOMES>) {
        const labels = { namespace, event, class: class_, outcome }
        expect(value('spillway_messages_total', labels)).to.equal(outcomes[outcome].messages)
        expect(value('spillway_message_bytes_total', labels)).to.equal(outcomes[outcome].bytes)
      }
    }
    for (const [code, count] of Object.entries(stats.closed)) {
      expect(value('spillway_closings_total', { code }), code).to.equal(count)
    }
    for (const state of SEND_STATES) {
      const count = stats.states.filter((each) => each === state).length
      expect(value('spillway_clients', { state }), state).to.equal(count)
    }
    for (const [name, { messages: waiting, bytes }] of Object.entries(stats.census.queued)) {
      expect(value('spillway_queued_messages', { class: name })).to.equal(waiting)
      expect(value('spillway_queued_bytes', { class: name })).to.equal(bytes)
    }
    for (const [level, bytes] of Object.entries(stats.watermarks)) {
      expect(value('spillway_watermark_bytes', { level }), level).to.equal(bytes)
    }
    const { count, sum } = stats.criticalLatency
    expect(value('spillway_critical_latency_seconds_count')).to.equal(count)
    expect(value('spillway_critical_latency_seconds_sum')).to.be.closeTo(sum / 1000, 1e-9)
    expect({
      connected: value('spillway_connected_clients'),
      congested: value('spillway_congested_clients'),
      blind: value('spillway_blind_clients'),
      inFlight: value('spillway_in_flight_bytes'),
      drains: value('spillway_drains_total'),
      slices: value('spillway_fanout_slices_total'),
      enforcing: value('spillway_enforcing'),
    }).to.deep.equal({
      connected: 1,
      congested: stats.clients.congested,
      blind: stats.census.blind,
      inFlight: stats.census.inFlight,
      drains: stats.drains,
      slices: stats.slices,
      enforcing: 1,
    })
    expect(value('spillway_fanout_busy_seconds_total')).to.be.greaterThan(0)

    // and that is no comparison of zeros
    const frames = { namespace: '/', event: 'reel:frame' }
    const dropped = { ...frames, class: 'cosmetic', outcome: 'dropped' }
    expect(value('spillway_messages_total', dropped)).to.be.greaterThan(0)
    expect(value('spillway_invalid_payloads_total', frames)).to.equal(1)
    expect(value('spillway_closings_total', { code: 'terminated' })).to.equal(1)
    expect(value('spillway_queued_bytes', { class: 'critical' })).to.be.greaterThan(0)
    expect(value('spillway_in_flight_bytes')).to.be.greaterThan(0)
    gone.close()
  })

  it('tell what enforce would have shed', async () => {
    await start({ mode: 'observe', watermarks: { low: KiB, high: 2 * KiB } })
    const client = await fixture.raw()
    client.stall()
    const observed = () => fixture.app.spillway.stats().classes.cosmetic.observed.messages
    await eventually(() => {
      fixture.io.emit('reel:frame', { n: 1, pad: 'x'.repeat(16 * KiB) })
      return observed() > 5
    })
    const { value } = await scrape()
    const frames = { namespace: '/', event: 'reel:frame' }
    expect(value('spillway_observed_messages_total', frames)).to.equal(observed())
    expect(value('spillway_enforcing')).to.equal(0)
  })

  it('have cumulative buckets, with 64, 128, 256 and 512 KiB among them, that end in the count', async () => {
    await start()
    const client = await fixture.raw()
    await choke(fixture, client)
    const { types, samples, value } = await scrape()
    const histograms = [...types].filter(([, type]) => type === 'histogram').map(([name]) => name)
    expect(histograms).to.have.length(5)
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
    const series = async () => [...(await scrape()).series().keys()].sort()
    const before = await series()
    fixture.io.of(TABLES)
    fixture.io.of('/<b>').on('connection', () => {})
    for (const namespace of ['/', '/table-1', '/table-2', '/table-3', '/<b>']) {
      await fixture.raw({ namespace })
    }
    // a handshake is other, too
    const joined = await scrape()
    for (let n = 0; n < 50; n++) {
      fixture.io.of('/table-1').emit('hand', { n })
      fixture.io.of('/table-2').emit(`hand-${n}`, n)
      fixture.io.of('/<b>').emit(`event-${n}`, n)
      fixture.io.emit(`<img src=x>"\n${n}`, n)
      fixture.io.emit('constructor', n)
    }
    expect(await series()).to.deep.equal(before)
    const told = await scrape()
    for (const { name, labels } of told.samples) {
      const { le, ...others } = labels
      expect(le === undefined || name.endsWith('_bucket')).to.equal(true)
      for (const [label, one] of Object.entries(others)) {
        expect(CLOSED_SETS[label], label).to.include(one)
      }
    }
    const sent = (namespace: string, event: string) => {
      const labels = { namespace, event, class: 'critical', outcome: 'sent' }
      const name = 'spillway_messages_total'
      return told.value(name, labels) - joined.value(name, labels)
    }
    expect(sent(String(TABLES), 'hand')).to.equal(50)
    expect(sent('other', 'other')).to.equal(200)
  })

  it('never go down where they count', async () => {
    await start({
      watermarks: { low: 4 * KiB, high: 8 * KiB, limit: 128 * 1024 * KiB, horizon: 0 },
    })
    const clients = [await fixture.raw(), await fixture.raw()]
    const first = await scrape()
    let before = first.series()
    const counted = first.samples.filter(({ name }) => {
      const base = name.replace(/_(bucket|sum|count)$/, '')
      return first.types.get(name) === 'counter' || first.types.get(base) === 'histogram'
    })
    clients[0]!.stall()
    for (let turn = 0; turn < 10; turn++) {
      for (let n = 0; n < 50; n++) fixture.io.emit('reel:frame', { n, pad: 'x'.repeat(4096) })
      if (turn === 4) clients[0]!.close()
      if (turn === 6) clients.push(await fixture.raw())
      const now = await scrape()
      for (const key of counted.map(keyOf)) {
        expect(now.series().get(key), key).to.be.at.least(before.get(key)!)
      }
      before = now.series()
    }
    const { value } = await scrape()
    const frames = { namespace: '/', event: 'reel:frame', class: 'cosmetic' }
    for (const outcome of ['sent', 'dropped']) {
      expect(value('spillway_messages_total', { ...frames, outcome })).to.be.greaterThan(0)
    }
  })

  it('have a help, and a unit in the name of what has one', () => {
    for (const [name, { type, help }] of Object.entries(METRICS)) {
      expect(help, name).to.match(/^[A-Z0-9].*\.$/)
      expect(name.endsWith('_total'), name).to.equal(type === 'counter')
      if (type === 'histogram') expect(name).to.match(/_(bytes|seconds|bytes_per_second)$/)
    }
  })
})
