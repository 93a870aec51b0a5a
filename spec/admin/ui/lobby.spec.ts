import { expect } from 'chai'
import { Player } from '../../../demo/lobby/player.ts'
import { type Lobby, startLobby } from '../../../demo/lobby/server.ts'
import { startWifi, type Wifi } from '../../../demo/lobby/wifi.ts'
import { KiB } from '../../../lib/base/units.ts'
import type {
  ClientQueue,
  ClientStats,
  ClientsPage,
  ClosedPage,
  ListQuery,
  SpillwayStats,
} from '../../../schemas/stats.ts'
import { apart } from '../../support/apart.ts'
import { type Browser, openBrowser, reached } from '../../support/browser/browser.ts'
import { reads } from '../../support/browser/browser-page.ts'
import {
  agrees,
  clientRows,
  type Dashboard,
  figuresIn,
  openDashboard,
  rowsOf,
  shedOf,
  whole,
  wordsOf,
} from '../../support/browser/dashboard-page.ts'

/** Load lasts seconds here, and each wait is bounded by itself. */
const LIMIT_MS = 60_000
const FAST = 12

/** The question for the first page of an order. */
const firstBy = (sort: ListQuery['sort']) => `/clients?sort=${sort}&limit=10`

describe('The dashboard of a lobby under load', function () {
  this.timeout(LIMIT_MS)

  let browser: Browser
  let lobby: Lobby
  let wifi: Wifi
  let dashboard: Dashboard
  const players: Player[] = []

  const page = () => dashboard.page
  const told = <T>(path: string): T | undefined => dashboard.answers.get(path) as T | undefined
  const slow = (): ClientStats =>
    [...lobby.app.spillway.clients()].toSorted((a, b) => shedOf(b) - shedOf(a))[0]!

  const plotOf = (root: string) =>
    page().evaluate<{ drawn: boolean; fits: boolean; height: number }>(`(() => {
      const root = document.querySelector('${root}')
      const canvas = root.querySelector('canvas')
      const { data } = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height)
      const height = root.clientHeight
      return { drawn: data.some((value) => value > 0), fits: canvas.offsetHeight === height, height }
    })()`)

  before(async () => {
    browser = await openBrowser()
    lobby = await startLobby({ spillway: { admin: { auth: false, changeAuth: false } } })
    wifi = await startWifi({ target: lobby, bytesPerSecond: 10_000, localAddress: '127.0.0.9' })
    for (let n = 0; n < FAST; n++) players.push(await Player.connect(lobby.url))
    players.push(await Player.connect(wifi.url, { userAgent: 'Tablet/1.0' }))
    lobby.startLoad({ seconds: 300 })
    dashboard = await openDashboard(browser, lobby.url, { meddle: (_path, body) => apart(body) })
    await reached('a slow client', () => slow().rtt !== null && shedOf(slow()) > 100)
  })

  after(async () => {
    await dashboard.close()
    for (const player of players) player.close()
    await wifi.close()
    await lobby.close()
    await browser.close()
  })

  it('asks for no token, since nobody is asked for one', async () => {
    await reached('figures', () => page().locator('#overview').isVisible())
    expect(await page().locator('#token').isVisible()).to.equal(false)
    expect(dashboard.authorizations.every((given) => given === undefined)).to.equal(true)
  })

  it('has the totals as the server told them', async () => {
    await reached('totals that agree', async () => {
      const stats = told<SpillwayStats>('')
      const shown = await figuresIn(page(), '#totals')
      return (
        stats !== undefined &&
        shown.connected === whole(stats.clients.connected) &&
        shown.congested === whole(stats.clients.congested) &&
        shown.queueing === whole(stats.census.queueing) &&
        shown.blind === whole(stats.census.blind) &&
        reads(shown.buffered, stats.buffered) &&
        reads(shown.rss, stats.memory.rss)
      )
    })
    expect(told<SpillwayStats>('')!.clients.connected).to.equal(
      lobby.app.spillway.stats().clients.connected,
    )
    await reached('rates', async () => /^[\d,.]+$/.test((await figuresIn(page(), '#totals')).sent!))
    const { sent, shed } = await figuresIn(page(), '#totals')
    expect(Number(sent!.replaceAll(',', ''))).to.be.greaterThan(0)
    expect(Number(shed!.replaceAll(',', ''))).to.be.greaterThan(0)
    expect(await page().locator('#mode').textContent()).to.equal('enforce')
    expect(await page().locator('#reach').textContent()).to.equal('Live')
  })

  it('has the clients as the server told them, in its order', async () => {
    await reached('rows that agree', async () => {
      const rows = await clientRows(page())
      const clients = told<ClientsPage>(firstBy('worst'))?.clients ?? []
      if (clients.length < 10 || clients.some(({ rtt }) => rtt === null)) return false
      if (String([...rows.keys()]) !== String(clients.map(({ id }) => id))) return false
      return clients.every((client) => agrees(rows.get(client.id)!, client))
    })
    // a burst may put another one there for a moment
    await reached('the slow one first', async () => {
      const [first] = (await clientRows(page())).keys()
      return first === slow().id
    })
  })

  it('says who is slow, why, what is shed and who is about to be closed', async () => {
    await reached('the sentence', async () => {
      const words = await wordsOf(page().locator('#verdict'))
      return (
        words.includes(`is slow, above all 127.0.0.9 (${slow().id}), for which critical`) &&
        words.includes('most of them reel:frame') &&
        words.includes('Nobody is about to be closed.')
      )
    })
  })

  it('has what was shed by event', async () => {
    await reached('rows that agree', async () => {
      const rows = await rowsOf(page(), '#events')
      const event = told<SpillwayStats>('')?.events.find(
        (each) => each.event === 'reel:frame' && each.class === 'cosmetic',
      )
      const row = rows.find(([name]) => name === 'reel:frame cosmetic')
      if (!event || !row) return false
      const { sent, dropped, conflated, expired, observed, invalid } = event
      const [, , ...figures] = row
      const due = [dropped, conflated, expired, observed, sent].map(({ messages }) =>
        whole(messages),
      )
      return String(figures) === String([...due, whole(invalid)])
    })
    const label = (id: string) => page().locator(id).getAttribute('aria-label')
    await reached('rates', async () => /reel:frame [\d,.]+\/s/.test((await label('#shed-chart'))!))
  })

  it('has the bars and the latencies in words too', async () => {
    const label = (id: string) => page().locator(id).getAttribute('aria-label')
    const total = () => lobby.app.spillway.stats().clients.connected
    await reached('all clients in the bars', async () => {
      const words = (await label('#buffered-chart')) ?? ''
      const counts = [...words.matchAll(/(\d+) with/g)].map(([, count]) => Number(count))
      return counts.reduce((sum, count) => sum + count, 0) === total()
    })
    expect(await label('#buffered-chart')).to.match(
      /low is 64 KiB, high is 128 KiB, limit is 512 KiB\.$/,
    )
    await reached('latencies', async () =>
      /p50 .+, p99 /.test((await label('#latency-chart')) ?? ''),
    )
    for (const chart of ['#buffered-chart', '#latency-chart', '#shed-chart']) {
      const { drawn, fits } = await plotOf(chart)
      expect({ chart, drawn, fits }).to.deep.equal({ chart, drawn: true, fits: true })
    }
  })

  it('is sorted by the heads of columns', async () => {
    await page().getByRole('button', { name: 'Shed', exact: true }).click()
    await reached('the other order', async () => {
      const due = told<ClientsPage>(firstBy('shed'))?.clients.map(({ id }) => id) ?? ['?']
      return String([...(await clientRows(page())).keys()]) === String(due)
    })
    const sorted = page().locator('#clients-table [aria-sort]')
    expect(await sorted.allInnerTexts()).to.deep.equal(['Shed'])
    await page().getByRole('button', { name: 'Buffered', exact: true }).click()
    expect(await sorted.allInnerTexts()).to.deep.equal(['Buffered'])
  })

  it('has the other clients on the next page', async () => {
    const ids = async () => [...(await clientRows(page())).keys()]
    await page().locator('#clients-table [data-sort=age]').click()
    await reached('the oldest', () => dashboard.answers.has(firstBy('age')))
    const all = [...lobby.app.spillway.clients()].map(({ id }) => id)
    await reached('a page of ten', async () => {
      const shown = await ids()
      return shown.length === 10 && shown.every((id) => all.includes(id))
    })
    await reached('the ten oldest', async () => {
      const due = told<ClientsPage>(firstBy('age'))!.clients
      return String(await ids()) === String(due.map(({ id }) => id))
    })
    const first = await ids()
    await page().locator('#clients .pager').getByText('Next page').click()
    await reached('the rest', async () => (await ids()).length === all.length - 10)
    expect([...first, ...(await ids())]).to.have.members(all)
    await page().locator('#clients .pager').getByText('First page').click()
    await reached('the first page', async () => String(await ids()) === String(first))
    await page().locator('#clients-table [data-sort=worst]').click()
  })

  it('is filtered, and says so if nobody is left', async () => {
    await page().getByText('Filter and order').click()
    const shown = async () => [...(await clientRows(page())).keys()]
    await reached('all of them', async () => (await shown()).length === 10)
    const before = (await plotOf('#latency-chart')).height
    await page().getByLabel('Room').fill('nobody is in it')
    await page().keyboard.press('Enter')
    await reached('an empty table', async () => (await shown()).length === 0)
    await reached('charts that shrink with it', async () => {
      const { height, fits } = await plotOf('#latency-chart')
      return height < before && fits
    })
    expect(await wordsOf(page().locator('#clients .empty'))).to.equal('No client is like this.')
    const room = Object.values(slow().sockets)[0]!
    await page().getByLabel('Room').fill(room)
    await page().keyboard.press('Enter')
    await reached('one client', async () => String(await shown()) === slow().id)
    await page().getByLabel('Room').fill('')
    await page().keyboard.press('Enter')
    await reached('all of them', async () => (await shown()).length === 10)
    await page().getByText('Filter and order').click()
  })

  it('tells what happens as it does', async () => {
    expect(await page().locator('#feed-state').textContent()).to.equal('live')
    await reached('what was shed', async () =>
      / reel:frame/.test((await page().locator('#feed li.shed').first().textContent()) ?? ''),
    )
  })

  describe("a client's page", () => {
    before(async () => {
      await page().locator('#clients-table').getByText('127.0.0.9').click()
      await reached('the page', () => page().locator('#client').isVisible())
    })

    it('has its own address, and the focus', async () => {
      expect(new URL(page().url()).hash).to.equal(`#/clients/${slow().id}`)
      expect(await page().evaluate('document.activeElement.id')).to.equal('client-name')
      expect(await page().locator('#overview').isVisible()).to.equal(false)
    })

    it('has every figure as the server told it', async () => {
      await reached('figures that agree', async () => {
        const client = told<ClientStats>(`/clients/${slow().id}`)
        const shown = await figuresIn(page(), '#client')
        if (!client) return false
        const outcomes = new Map(
          (await rowsOf(page(), '#outcomes')).map(([name, messages]) => [name, messages]),
        )
        return (
          shown.state === client.state &&
          shown.why === client.why &&
          shown.agent === client.userAgent &&
          reads(shown.buffered, client.buffered) &&
          reads(shown.inFlight, client.inFlight) &&
          reads(shown.window, client.window) &&
          reads(shown.outstanding, client.outstanding) &&
          reads(shown.queued!.split(' in ')[0], client.queued) &&
          reads(shown.rtt, client.rtt) &&
          reads(shown.minRtt, client.minRtt) &&
          reads(shown.sinceProgress, client.sinceProgress) &&
          reads(shown.rate?.replace('/s', ''), client.rate) &&
          reads(shown.waitCritical, client.wait.critical) &&
          reads(shown.waitCosmetic, client.wait.cosmetic) &&
          shown.transport === client.transport &&
          shown.drains === whole(client.drains.count) &&
          outcomes.get('conflated') === whole(client.conflated.messages) &&
          outcomes.get('dropped') === whole(client.dropped.messages) &&
          outcomes.get('sent') === whole(client.sent.messages)
        )
      })
      const sockets = await rowsOf(page(), '#sockets')
      expect(sockets).to.deep.equal(Object.entries(slow().sockets))
    })

    it('has its queue', async () => {
      await reached('a queue that agrees', async () => {
        const queue = told<ClientQueue>(`/clients/${slow().id}/queue?limit=100`)
        const rows = await rowsOf(page(), '#queue')
        if (!queue || queue.messages.length === 0 || rows.length !== queue.messages.length)
          return false
        return queue.messages.every((message, index) => {
          const [number, event, of, size, age] = rows[index]!
          return (
            number === String(index + 1) &&
            event === message.event &&
            of === message.class &&
            reads(size, message.bytes) &&
            reads(age, message.age)
          )
        })
      })
    })

    it('closes it, if that is meant', async () => {
      const { id } = slow()
      await page().getByRole('button', { name: 'Close this client' }).click()
      await page().getByRole('button', { name: 'Keep it' }).click()
      expect(lobby.app.spillway.client(id)).to.not.equal(undefined)
      await page().getByRole('button', { name: 'Close this client' }).click()
      expect(await page().locator('#confirm-words').textContent()).to.equal('Close 127.0.0.9?')
      await page().getByRole('button', { name: 'Close it' }).click()
      await reached('its end', () => lobby.app.spillway.client(id) === undefined)
      await reached('words of it', async () =>
        /^Closed at .*, terminated: /.test((await figuresIn(page(), '#client')).why!),
      )
      expect(await page().locator('#close-client').isVisible()).to.equal(false)
    })

    after(async () => {
      await page().getByText('All clients').click()
      await reached('the overview', () => page().locator('#overview').isVisible())
    })
  })

  describe('the table of closings', () => {
    it('lists who was closed, and why', async () => {
      await reached('a row that agrees', async () => {
        const closed = told<ClosedPage>('/closed?limit=8')?.closed[0]
        const [row] = await rowsOf(page(), '#closings')
        return (
          closed?.code === 'terminated' &&
          row !== undefined &&
          row[1] === '127.0.0.9\nTablet/1.0' &&
          row[2] === `terminated\n${closed.reason}` &&
          reads(row[3]!.split('\n')[1], closed.undelivered.bytes)
        )
      })
      await reached('their count', async () =>
        (await page().locator('#closings-counts li').allTextContents()).includes('1 terminated'),
      )
      expect(await wordsOf(page().locator('#feed li.closed').first())).to.include('terminated')
    })
  })

  describe('the policy form', () => {
    const field = (name: string) => page().locator(`#policy-form [name=${name}]`)
    const words = () => page().locator('#policy-words').textContent()
    const change = () => page().getByRole('button', { name: 'Change', exact: true })

    it('changes the policy of all clients', async () => {
      await reached('the form', () => field('high').isVisible())
      expect(await change().isDisabled()).to.equal(true)
      expect(await field('high').inputValue()).to.equal('128')
      await field('high').fill('192')
      await field('maxAge').fill('1500')
      await change().click()
      await reached('an answer', async () => /^Changed/.test((await words()) ?? ''))
      const { watermarks, maxAge, mode } = lobby.app.spillway.policy
      expect({ high: watermarks.high, low: watermarks.low, maxAge, mode }).to.deep.equal({
        high: 192 * KiB,
        low: 64 * KiB,
        maxAge: 1500,
        mode: 'enforce',
      })
      expect(await change().isDisabled()).to.equal(true)
    })

    it("has the server's word about a mistake, at the field", async () => {
      await field('low').fill('500')
      await change().click()
      await reached('a refusal', async () => /^Not changed: /.test((await words()) ?? ''))
      expect(await words()).to.match(/low/)
      expect(await field('low').getAttribute('aria-invalid')).to.equal('true')
      expect(lobby.app.spillway.policy.watermarks.low).to.equal(64 * KiB)
      await page().getByRole('button', { name: 'Discard' }).click()
      expect(await field('low').inputValue()).to.equal('64')
    })

    it('follows what others change, but for what is being typed', async () => {
      await field('low').fill('32')
      lobby.app.spillway.setPolicy({ watermarks: { high: 256 * KiB }, mode: 'observe' })
      await reached('the other change', async () => (await field('high').inputValue()) === '256')
      expect(await field('low').inputValue()).to.equal('32')
      await reached(
        'the mode',
        async () => (await page().locator('#mode').textContent()) === 'observe',
      )
      await change().click()
      await reached('an answer', async () => /^Changed/.test((await words()) ?? ''))
      const { watermarks, mode } = lobby.app.spillway.policy
      expect({ low: watermarks.low, high: watermarks.high, mode }).to.deep.equal({
        low: 32 * KiB,
        high: 256 * KiB,
        mode: 'observe',
      })
    })

    it('in observe, what would be shed stands out', async () => {
      await reached('the words', async () => {
        const verdict = await wordsOf(page().locator('#verdict'))
        return /would be shed/.test(verdict) && /closes nobody/.test(verdict)
      })
      expect(await page().locator('#shed-heading').textContent()).to.equal('Would be shed a second')
      expect(await page().locator('#events').getAttribute('class')).to.include('observes')
    })
  })

  describe('all the time', () => {
    it('asked nobody else, and reported no error', () => {
      expect(dashboard.breaches).to.deep.equal([])
      // a client that is gone and a mistake in the form are answered so
      const others = browser.troubles.filter((words) => !/ 40[04] \(/.test(words))
      expect(others).to.deep.equal([])
    })
  })
})
