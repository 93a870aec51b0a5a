import { expect } from 'chai'
import { z } from 'zod'
import { startWifi, type Wifi } from '../../demo/lobby/wifi.ts'
import { cosmetic } from '../../schemas/priority.ts'
import { type ClientStats, type ClientsPage, clientsPage } from '../../schemas/stats.ts'
import { reached } from '../support/browser/browser.ts'
import { clientRows, figuresIn, wordsOf } from '../support/browser/dashboard-page.ts'
import { Stage } from '../support/browser/dashboard-stage.ts'
import { BOUNDLESS } from '../support/clients/flood.ts'
import { PathRelay } from '../support/paths/path-relay.ts'
import { type AppFixture, startApp } from '../support/servers/app.ts'
import { connectors, eventually } from '../support/servers/server.ts'

const messages = { frame: cosmetic(z.object({ pad: z.string() }), { maxAge: 500 }) }
const pad = 'x'.repeat(2000)
/** Bytes a second: a third of the load is too much for the link. */
const LINK = 12_000
const LOAD = 18_000
const NEED = /; the path needs \d+(\.\d s| ms) for what is buffered$/

/** A load that lasts until it is stopped, whatever timers do, and two clients, one of them slow. */
class Load {
  slow = ''
  fast = ''
  #wifi: Wifi | undefined
  #timer: NodeJS.Timeout | undefined
  readonly #clients: Array<{ close(): unknown }> = []

  async start({ port, io, app }: AppFixture): Promise<void> {
    const target = { host: '127.0.0.1', port }
    this.#wifi = await startWifi({ target, bytesPerSecond: LINK })
    const connect = (to: number) => connectors(`http://127.0.0.1:${to}`, this.#clients).client()
    const idOf = ({ id }: { id?: string | undefined }) => app.spillway.client(id!)!.id
    this.slow = idOf(await connect(this.#wifi.port))
    this.fast = idOf(await connect(port))
    const since = performance.now()
    let sent = 0
    this.#timer = setInterval(() => {
      for (const due = ((performance.now() - since) * LOAD) / 1000; sent < due; sent += 2050) {
        io.emit('frame', { pad })
      }
    }, 20)
  }

  async stop(): Promise<void> {
    clearInterval(this.#timer)
    for (const client of this.#clients.splice(0)) client.close()
    await this.#wifi?.close()
  }
}

describe('A client that loses below high', () => {
  let fixture: AppFixture
  const load = new Load()

  async function start(mode: 'enforce' | 'observe' = 'enforce'): Promise<void> {
    fixture = await startApp({ messages, mode, watermarks: BOUNDLESS, admin: { auth: false } })
    await load.start(fixture)
    await eventually(() => stats().losing)
  }

  const stats = (id = load.slow): ClientStats => fixture.app.spillway.client(id)!

  async function ask(query: string): Promise<ClientsPage> {
    const response = await fetch(`${fixture.url}/spillway/clients?${query}`)
    return clientsPage.parse(await response.json())
  }

  afterEach(async () => {
    await load.stop()
    await fixture.close()
  })

  const idsOf = ({ clients }: ClientsPage) => clients.map(({ id }) => id)

  it('is losing though it is not congested, and is found', async () => {
    await start()
    expect(stats()).to.include({ congested: false, losing: true })
    expect(stats().lossShare).to.be.within(0.1, 0.5)
    expect(stats(load.fast)).to.include({ losing: false, lossShare: 0 })
    const { spillway } = fixture.app
    expect(idsOf(await spillway.list({ losing: true }))).to.deep.equal([load.slow])
    expect(idsOf(await spillway.list({ losing: false }))).to.deep.equal([load.fast])
    expect(idsOf(await spillway.list({ losing: true, congested: true }))).to.deep.equal([])
    expect(idsOf(await ask('losing=true'))).to.deep.equal([load.slow])
    expect(idsOf(await ask('losing=false'))).to.deep.equal([load.fast])
    expect(idsOf(await ask('losing=true&congested=true'))).to.deep.equal([])
    expect(idsOf(await ask('sort=worst'))[0]).to.equal(load.slow)
    await eventually(() => spillway.stats().census.losing === 1)
  })

  it('is told of by pages that keep the order of the first', async () => {
    await start()
    const { spillway } = fixture.app
    const first = await spillway.list({ sort: 'age', limit: 1 })
    expect(first.next).to.be.a('string')
    // of another question, and none of that order
    const other = await spillway.list({ sort: 'age', limit: 1, losing: true, cursor: first.next! })
    expect(other.total).to.equal(1)
  })

  it('says why messages wait, and why the last one was shed', async () => {
    await start()
    await eventually(() => NEED.test(stats().why))
    await eventually(() => stats().state === 'windowed' && NEED.test(stats().why))
    expect(stats().why).to.match(/^cosmetic messages wait for what is in flight;/)
    expect(stats().lastShed!.why).to.match(
      /^out of date after \d+(\.\d s| ms); the path needed \d+(\.\d s| ms) for what was buffered$/,
    )
    await eventually(
      () => /^sends at once/.test(stats(load.fast).why) && !NEED.test(stats(load.fast).why),
    )
    expect(stats(load.fast).lastShed).to.equal(null)
  })

  it('says in observe how long what is sent at once waits in the path', async () => {
    await start('observe')
    await eventually(() => NEED.test(stats().why))
    expect(stats().why).to.match(/^sends at once;/)
    expect(stats().wait.cosmetic).to.be.above(100)
    expect(idsOf(await ask('losing=true'))).to.deep.equal([load.slow])
    await eventually(
      () => /^sends at once/.test(stats(load.fast).why) && !NEED.test(stats(load.fast).why),
    )
  })

  it('is refused by what it is not', async () => {
    await start()
    const response = await fetch(`${fixture.url}/spillway/clients?losing=yes`)
    expect(response.status).to.equal(400)
    expect(await response.text()).to.include(
      'query.losing: was given \\"yes\\"; allowed: true or false',
    )
  })
})

describe('The dashboard of a client that loses below high', function () {
  this.timeout(60_000)

  const stage = new Stage()
  const load = new Load()

  afterEach(() => load.stop())

  it('has losing beside congested, says why, and finds it by its filter', async () => {
    await stage.start({}, { messages, watermarks: BOUNDLESS })
    await load.start(stage.fixture)
    await stage.open()
    await reached('the chip', async () => {
      const rows = await clientRows(stage.page)
      const [slow, fast] = [rows.get(load.slow), rows.get(load.fast)]
      return slow?.losing === 'losing' && slow.congested === '' && fast?.losing === ''
    })
    await reached('the words', async () => {
      const { why } = (await clientRows(stage.page)).get(load.slow)!
      return /the path needs [\d.]+ m?s for .*; loses \d+ % of what it is offered$/.test(why!)
    })
    await reached('the closing', async () =>
      (await wordsOf(stage.page.locator('#verdict'))).startsWith('1 of 2 clients is slow, above'),
    )
    await stage.page.locator('#clients summary').click()
    await stage.page.locator('#clients-filter [name=losing]').selectOption('true')
    await reached(
      'only that one',
      async () => [...(await clientRows(stage.page)).keys()].join() === load.slow,
    )
    await stage.page.locator('#clients-filter [name=losing]').selectOption('false')
    await reached(
      'only the other',
      async () => [...(await clientRows(stage.page)).keys()].join() === load.fast,
    )
    await stage.page.evaluate(`location.hash = '#/clients/${load.slow}'`)
    await reached('its page', async () => {
      const { losing, lastShed } = await figuresIn(stage.page, '#client')
      const shed = /^Last shed: frame, expired, .* ago: out of date after .*; the path needed /
      return (
        losing === 'losing' &&
        (await stage.page.locator('#client .chip.losing').isVisible()) &&
        shed.test(lastShed!)
      )
    })
    expect(stage.troubles()).to.deep.equal([])
  })
})

describe('A client on a noisy path', function () {
  this.timeout(60_000)
  // random jitter may look like a longer path at first
  this.retries(2)

  const stage = new Stage()
  let relay: PathRelay | undefined
  let timer: NodeJS.Timeout | undefined
  const clients: Array<{ close(): unknown }> = []

  afterEach(async () => {
    clearInterval(timer)
    for (const client of clients.splice(0)) client.close()
    await relay?.close()
  })

  it('is told from one on a slow one, in words and in a figure', async () => {
    await stage.start({}, { messages })
    const { port, io, app } = stage.fixture
    const path = { bytesPerSecond: 200_000, delayMs: 20, jitterMs: 150 }
    relay = await PathRelay.to({ host: '127.0.0.1', port }, path)
    const { id } = await connectors(relay.url, clients).client()
    // somewhat more than it carries: noise is looked for when something waits
    timer = setInterval(() => {
      for (let n = 0; n < 3; n++) io.emit('frame', { pad })
    }, 25)
    const stats = () => app.spillway.client(id!)!
    const NOISY = /; the path is noisy, answers are late by up to (\d+ ms|\d\.\d s)/
    await eventually(() => NOISY.test(stats().why), 25_000)
    expect(stats().noise).to.be.above(50)
    await stage.open()
    await reached('the words', async () => {
      const [row] = (await clientRows(stage.page)).values()
      return NOISY.test(row?.why ?? '')
    })
    await stage.page.evaluate(`location.hash = '#/clients/${id}'`)
    await reached('its page', async () => {
      const { why, noise } = await figuresIn(stage.page, '#client')
      return NOISY.test(why!) && /^(\d+ ms|\d\.\d\d s)$/.test(noise!)
    })
    expect(stage.troubles()).to.deep.equal([])
  })
})
