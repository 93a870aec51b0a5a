import { setTimeout as delay } from 'node:timers/promises'
import { expect } from 'chai'
import { z } from 'zod'
import { startWifi, type Wifi } from '../../demo/lobby/wifi.ts'
import type { SpillwayOptions } from '../../lib/spillway-options.ts'
import type { Gap, ShedSummary } from '../../lib/telemetry/shed-episode.ts'
import { cosmetic } from '../../schemas/priority.ts'
import { BOUNDLESS, starve } from '../support/clients/flood.ts'
import { connectors, eventually, type Fixture, startServer } from '../support/servers/server.ts'

const frame = cosmetic(z.object({ n: z.int(), pad: z.string() }), { maxAge: 1000 })
const pad = 'x'.repeat(2000)
const OUTCOMES = ['dropped', 'conflated', 'expired'] as const
type Counts = Record<(typeof OUTCOMES)[number], number>

function sumOf(all: readonly Counts[]): Counts {
  const sum: Counts = { dropped: 0, conflated: 0, expired: 0 }
  for (const each of all) for (const outcome of OUTCOMES) sum[outcome] += each[outcome]
  return sum
}

describe('shedInterval', () => {
  let fixture: Fixture
  let wifi: Wifi | undefined
  const clients: Array<{ close(): unknown }> = []
  let told: Array<{ namespace: string; summary: ShedSummary }>
  let lines: Array<{ message: string; fields: { summary?: ShedSummary } }>

  async function start(options: SpillwayOptions): Promise<void> {
    told = []
    lines = []
    const info = (fields: object, message: string) => void lines.push({ message, fields })
    fixture = await startServer({
      messages: { frame },
      namespaces: { '/side': { frame } },
      onShed: (socket, summary) => void told.push({ namespace: socket.nsp.name, summary }),
      gapEvent: 'gap',
      // what is shed expires
      watermarks: BOUNDLESS,
      log: { info, warn() {}, error() {} },
      ...options,
    })
    fixture.io.of('/side')
  }

  afterEach(async () => {
    for (const client of clients.splice(0)) client.close()
    await fixture.close()
    await wifi?.close()
    wifi = undefined
  })

  async function connectSlowly() {
    const target = { host: '127.0.0.1', port: fixture.port }
    wifi = await startWifi({ target, bytesPerSecond: 12_000 })
    const client = await connectors(wifi.url, clients).client()
    const side = await client.io.socket('/side').connect()
    await eventually(() => side.connected)
    const gaps: Gap[] = []
    client.on('gap', (gap: Gap) => gaps.push(gap))
    const sideGaps: Gap[] = []
    side.on('gap', (gap: Gap) => sideGaps.push(gap))
    return { gaps, sideGaps }
  }

  /** More than the link carries, until the test holds. */
  async function emitUntil(test: () => boolean): Promise<void> {
    for (let n = 0; !test(); n++) {
      if (n === 1000) expect.fail(`not within 1000 emits: ${test}`)
      fixture.io.emit('frame', { n, pad })
      fixture.io.of('/side').emit('frame', { n, pad })
      await delay(20)
    }
  }

  const shed = () => {
    const { dropped, conflated, expired } = fixture.spillway!.stats().classes.cosmetic
    return {
      dropped: dropped.messages,
      conflated: conflated.messages,
      expired: expired.messages,
    }
  }

  it('has a client that is slow all the time told of it, each time what was shed since the last', async () => {
    await start({ shedInterval: 400 })
    const { gaps, sideGaps } = await connectSlowly()
    const ongoing = (all: readonly Gap[]) => all.filter((gap) => gap.ongoing === true)
    await emitUntil(() => ongoing(gaps).length >= 2 && ongoing(sideGaps).length >= 2)
    const [first, second] = ongoing(gaps)
    // no sooner than its time, by the server's clock
    expect(second!.since - first!.since).to.be.at.least(399)
    await eventually(() => !gaps.at(-1)!.ongoing && !sideGaps.at(-1)!.ongoing)
    for (const [namespace, received] of [['/', gaps] as const, ['/side', sideGaps] as const]) {
      const summaries = told
        .filter((each) => each.namespace === namespace)
        .map(({ summary }) => summary)
      // the last one says that it is over, whatever was shed since the one before
      expect(received.at(-1)).to.have.all.keys(...OUTCOMES, 'since')
      expect(received.map((each) => each.ongoing)).to.deep.equal(
        summaries.map((each) => each.ongoing),
      )
      expect(received.map((each) => sumOf([each]))).to.deep.equal(
        summaries.map((each) => sumOf([each])),
      )
      expect(ongoing(received).every((gap) => gap.expired > 0)).to.equal(true)
    }
    expect(sumOf([...gaps, ...sideGaps])).to.deep.equal(shed())
  })

  it('has the log tell of it, and at the end of all of it', async () => {
    await start({ shedInterval: 400 })
    await connectSlowly()
    const linesOf = (message: string) => lines.filter((line) => line.message.endsWith(message))
    await emitUntil(() => linesOf('client has not caught up').length === 1)
    expect(linesOf('client has caught up')).to.have.length(0)
    expect(linesOf('client has not caught up')[0]!.fields).to.have.all.keys(
      'client',
      'summary',
      ...CONDITION,
    )
    await eventually(() => linesOf('client has caught up').length === 1)
    const { summary } = linesOf('client has caught up')[0]!.fields
    expect(sumOf([summary!])).to.deep.equal(shed())
    expect(summary).to.not.have.property('ongoing')
  })

  it('of 0 has it told only when the client has caught up', async () => {
    await start({ shedInterval: 0 })
    const { gaps } = await connectSlowly()
    const until = Date.now() + 2500
    await emitUntil(() => Date.now() > until)
    expect(shed().expired).to.be.above(0)
    await eventually(() => told.length >= 2 && gaps.length > 0)
    for (const { summary } of told) expect(summary).to.not.have.property('ongoing')
    expect(sumOf(told.map(({ summary }) => summary))).to.deep.equal(shed())
  })

  it('is by default longer than what lasts some seconds', async () => {
    await start({})
    const { gaps } = await connectSlowly()
    const until = Date.now() + 2500
    await emitUntil(() => Date.now() > until)
    expect(shed().expired).to.be.above(0)
    await eventually(() => gaps.length > 0)
    for (const gap of gaps) expect(gap).to.not.have.property('ongoing')
  })

  it('adds nothing to what waits for a client that takes nothing', async () => {
    await start({ shedInterval: 100 })
    const client = await fixture.raw()
    starve(fixture, client)
    // three looks at everyone
    const until = Date.now() + 3500
    await emitUntil(() => Date.now() > until)
    expect(shed().expired).to.be.above(0)
    expect(told).to.deep.equal([])
    client.resume()
    const gaps = () => client.received<Gap>('gap')
    await client.until(() => gaps().length > 0 && !gaps().at(-1)!.ongoing)
    // one when it takes something again, and the last
    expect(gaps().length).to.be.at.most(2)
    expect(sumOf(gaps())).to.deep.equal(shed())
  })
})

const CONDITION = ['transport', 'state', 'congested', 'buffered', 'lanes', 'lastEvent', 'lastShed']
