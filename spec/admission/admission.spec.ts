import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { expect } from 'chai'
import { Admission } from '../../lib/admission/admission.ts'
import { systemClock } from '../../lib/base/clock.ts'
import { Registry, registerMetrics } from '../../lib/metrics/register.ts'
import { block, HANDSHAKE, UPGRADE, upgrade } from '../support/clients/handshakes.ts'
import { messages } from '../support/messages.ts'
import { startApp } from '../support/servers/app.ts'
import '../support/rejections.ts'
import { eventually, type Fixture, startServer } from '../support/servers/server.ts'

describe('Admission', () => {
  const LOOP = { loopDelay: 50, retryAfter: 1000 }
  let fixture: Fixture

  afterEach(() => fixture.close())

  const statusOf = async () => (await fetch(fixture.url + HANDSHAKE)).status

  it('is off unless asked for: nothing of the server is touched', async () => {
    fixture = await startServer({ messages })
    const own = Object.keys(fixture.io.engine)
    for (const name of ['handleRequest', 'handleUpgrade']) expect(own).to.not.include(name)
    expect(Reflect.get(fixture.io.sockets, '_fns')).to.deep.equal([])
    block(500)
    expect(await statusOf()).to.equal(200)
  })

  it('does not look at the event loop without a threshold', async () => {
    fixture = await startServer({ messages, admission: {} })
    block(500)
    expect(await statusOf()).to.equal(200)
  })

  it('refuses new clients while the event loop is late, and nobody else', async () => {
    fixture = await startServer({ messages, admission: LOOP })
    fixture.io.of('/lobby')
    const client = await fixture.client()
    block(500)
    const lobby = client.io.socket('/lobby').connect()
    expect(await statusOf()).to.equal(503)
    expect(await upgrade(fixture, UPGRADE)).to.match(/^HTTP\/1\.1 503 /)
    const got = new Promise((resolve) => client.once('jackpot:won', resolve))
    fixture.io.emit('jackpot:won', { n: 1 })
    expect(await got).to.deep.equal({ n: 1 })
    await eventually(() => lobby.connected)
    expect(fixture.spillway!.stats().refused).to.deep.equal({
      budget: 0,
      loop: 2,
      backlog: 0,
      shutdown: 0,
    })
    let status = 503
    for (const until = Date.now() + 10_000; status !== 200 && Date.now() < until; ) {
      await new Promise((resolve) => setTimeout(resolve, 100))
      status = await statusOf()
    }
    expect(status).to.equal(200)
  })

  it('refuses who has waited for its turn too long, if the event loop matters', async () => {
    fixture = await startServer('plain')
    const host = { overBudget: () => false, refused() {} }
    const make = (loopDelay?: number) =>
      new Admission({ loopDelay, retryAfter: 1000 }, true, systemClock, host)
    expect(make(50).refusalAfter(5000)).to.equal(undefined)
    expect(make(50).refusalAfter(5001)).to.equal('loop')
    expect(make().refusalAfter(5001)).to.equal(undefined)
  })

  it('guards an engine that the server gets later', async () => {
    const app = await startApp({ messages, admission: LOOP })
    fixture = app
    block(500)
    expect(await statusOf()).to.equal(503)
  })

  it('is told by metrics, a channel and one line of the log', async () => {
    const lines: unknown[] = []
    const warn = (fields: object, message: string) => lines.push({ ...fields, message })
    const log = { info() {}, warn, error() {} }
    fixture = await startServer({ messages, admission: LOOP, log })
    const registry = new Registry()
    registerMetrics(fixture.spillway!, registry)
    const told: unknown[] = []
    const onRefused = (message: unknown) => told.push(message)
    subscribe('spillway:client:refused', onRefused)
    block(1000)
    for (let n = 0; n < 3; n++) expect(await statusOf()).to.equal(503)
    unsubscribe('spillway:client:refused', onRefused)
    expect(await registry.metrics()).to.include(
      'spillway_admissions_refused_total{reason="loop"} 3',
    )
    expect(told).to.have.length(3)
    expect(told[0]).to.include({ reason: 'loop', address: '127.0.0.1' })
    expect(lines).to.have.length(1)
    expect(lines[0]).to.have.property('message', 'spillway: new client refused')
    expect(lines[0]).to.have.nested.property('client.reason', 'loop')
    fixture.spillway!.close()
    expect(lines[1]).to.have.property('omitted', 2)
  })
})
