import { expect } from 'chai'
import type { Page } from 'playwright-core'
import { type Live, startLive } from '../../demo/live.ts'
import type { Load } from '../../demo/lobby/lobby.ts'
import { type Lobby, startLobby } from '../../demo/lobby/server.ts'
import { startWifi, type Wifi, type WifiOptions } from '../../demo/lobby/wifi.ts'
import type { ClientStats } from '../../schemas/stats.ts'
import {
  type Browser,
  openBrowser,
  range,
  reached,
  type Wire,
  wiresOf,
} from '../support/browser/browser.ts'
import { BrowserClient, clientRoute, type Seen } from '../support/browser/browser-client.ts'
import { agrees, figuresOf, follow } from '../support/browser/browser-page.ts'

/** Load lasts seconds here, and each wait is bounded by itself. */
const LIMIT_MS = 60_000

describe('In a browser', function () {
  this.timeout(LIMIT_MS)

  let browser: Browser

  before(async () => {
    browser = await openBrowser()
  })

  after(() => browser.close())

  describe('the demo page', () => {
    let live: Live
    let page: Page
    let wires: readonly Wire[]
    let answers: ReadonlyMap<string, ClientStats>

    const wireOf = (panel: 'fibre' | 'wifi'): Wire =>
      wires.find(({ origin }) => (origin === live.url) === (panel === 'fibre'))!

    const statsOf = (panel: 'fibre' | 'wifi'): Promise<ClientStats> =>
      get(`${live.url}/spillway/clients/${wireOf(panel).id}`)

    before(async () => {
      live = await startLive({ port: 0, seconds: 60 })
      page = await browser.page()
      wires = wiresOf(page)
      answers = await follow(page)
      await page.goto(live.url)
      await reached('two connections', () => wires.filter(({ id }) => id).length === 2)
    })

    after(async () => {
      await page.close()
      await live.close()
    })

    it('shows two clients, both connected', async () => {
      const badges = page.locator('.panel .badge')
      await reached('both panels connected', async () => {
        const words = await badges.allTextContents()
        return words.length === 2 && words.every((word) => word === 'connected')
      })
      expect(await page.locator('.panel h2').allTextContents()).to.deep.equal([
        'Fibre',
        'Hotel Wi-Fi',
      ])
    })

    for (const [index, panel] of (['fibre', 'wifi'] as const).entries()) {
      it(`shows of the ${panel} client what the admin route tells of it`, async () => {
        await reached('a measured RTT', async () => (await statsOf(panel)).rtt !== null)
        // the page follows a poll later, and a figure may change while it is read
        await reached('the page agrees with the latest answer', async () => {
          const stats = answers.get(wireOf(panel).id!)
          return stats !== undefined && stats.rtt !== null && agrees(await shown(index), stats)
        })
        const { state } = await shown(index)
        expect(state).to.match(/^(ready|windowed|blocked)(, congested)?$/)
      })
    }

    it('brings the Wi-Fi client every critical message in order', async () => {
      const enough = 15
      await reached(`${enough} critical messages`, () => wireOf('wifi').critical.length >= enough)
      const { critical } = wireOf('wifi')
      expect(critical).to.deep.equal(range(critical[0]!, critical.at(-1)!))
      const { missed } = await shown(1)
      expect(missed).to.equal('0')
    })

    it('sheds cosmetic messages of the Wi-Fi client, and next to none of the fibre client', async () => {
      const [fibre, wifi] = [await statsOf('fibre'), await statsOf('wifi')]
      expect(shareShed(wifi)).to.be.greaterThan(0.8)
      expect(shareShed(fibre)).to.be.lessThan(0.2)
      expect(wireOf('wifi').frames).to.be.lessThan(wireOf('fibre').frames / 5)
    })

    it('says why messages of the Wi-Fi client wait, and why the last one was shed', async () => {
      await reached('the words', async () => {
        const { why, lastShed } = await shown(1)
        return (
          /the path needs [\d.]+ m?s for what is buffered$/.test(why!) &&
          /^Loses \d+ % of what it is offered\. Last \w+: .*, .*; the path needed /.test(lastShed!)
        )
      })
    })

    it('is switched to observe and back by keyboard', async () => {
      const mode = async () => (await get<{ mode: string }>(`${live.url}/demo/state`)).mode
      const words = page.locator('#mode-words')
      await page.keyboard.press('Tab')
      await page.keyboard.press('ArrowRight')
      await reached('observe', async () => (await mode()) === 'observe')
      await reached('its words', async () =>
        /Everything is sent/.test((await words.textContent()) ?? ''),
      )
      await page.keyboard.press('ArrowLeft')
      await reached('enforce', async () => (await mode()) === 'enforce')
      await reached('its words', async () => /are shed/.test((await words.textContent()) ?? ''))
      expect(await page.locator('[name=mode]:checked').getAttribute('value')).to.equal('enforce')
    })

    it('reports no error', () => {
      expect(browser.troubles).to.deep.equal([])
      expect(wires.map(({ open }) => open)).to.deep.equal([true, true])
    })

    const shown = (index: number) => figuresOf(page, index)
  })

  describe('a client', () => {
    let lobby: Lobby
    let wifi: Wifi
    let page: Page
    let client: BrowserClient
    let traffic: Traffic
    /** Critical messages that were emitted before the client was connected. */
    let before: number

    async function lobbyBehind(link: Omit<WifiOptions, 'target'>): Promise<void> {
      lobby = await startLobby({ setup: clientRoute })
      wifi = await startWifi({ target: lobby, ...link })
      lobby.io.on('connection', () => {
        before = traffic.criticalSent
      })
      page = await browser.page()
      client = await BrowserClient.open(page, lobby.url)
    }

    afterEach(async () => {
      traffic.stop()
      // or else Engine.IO would wait 30 s for another poll
      await client.disconnect()
      await reached('the end of the connection', () => stats() === undefined)
      await page.close()
      await wifi.close()
      await lobby.close()
    })

    const stats = (): ClientStats | undefined => [...lobby.app.spillway.clients()][0]

    /** Ends the traffic, and waits until all of it that is critical has come. */
    async function settle(): Promise<Seen> {
      traffic.stop()
      const all = traffic.criticalSent - before
      await reached('everything critical', async () => {
        return (await client.seen()).critical.length >= all
      })
      await reached('nothing is left', () => stats()?.buffered === 0)
      const seen = await client.seen()
      expect(seen.critical).to.deep.equal(range(before + 1, traffic.criticalSent))
      expect(seen.disconnects).to.equal(0)
      return seen
    }

    // Chromium's network process takes and answers for about 150 KB that the page does not read:
    // at the first rate it answers markers all the time, at the second it stops after 2 s
    for (const bytesPerSecond of [10_000, 100_000]) {
      it(`whose page is busy for 5 s at ${bytesPerSecond / 1000} KB/s loses nothing critical`, async () => {
        await lobbyBehind({ bytesPerSecond, delayMs: 20 })
        traffic = lobby.startLoad({ seconds: 60 })
        await client.connect(wifi.url, ['websocket'])
        await reached('a measured rate', () => typeof stats()?.rate === 'number')
        const { id } = stats()!

        const busy = client.block(5000)
        const states = new Set<string | undefined>()
        const watching = setInterval(() => states.add(stats()?.state), 50)
        await busy
        clearInterval(watching)

        expect(states).to.not.include('blind')
        expect(states).to.not.include(undefined)
        const { rtt } = stats()!
        expect(rtt).to.be.a('number')
        await reached('another answered marker', () => stats()!.rtt !== rtt)
        await reached('room in the window', () => stats()!.inFlight < stats()!.window)
        const { critical } = await client.seen()
        await reached('more that is critical', async () => {
          return (await client.seen()).critical.length > critical.length + 2
        })
        expect(stats()).to.include({ id, transport: 'websocket' })
        await settle()
      })
    }

    it('that stays with polling gets everything critical once and in order', async () => {
      await lobbyBehind({ bytesPerSecond: 200_000, delayMs: 20 })
      traffic = startTraffic(lobby)
      await client.connect(wifi.url, ['polling'])
      await reached('500 critical messages', async () => {
        return (await client.seen()).critical.length >= 500
      })
      expect(stats()).to.include({ transport: 'polling' })
      expect(stats()!.rtt).to.be.a('number')
      expect(shareShed(stats()!)).to.be.greaterThan(0)
      const { transport } = await settle()
      expect(transport).to.equal('polling')
    })

    it('that upgrades under load gets everything critical once and in order', async () => {
      await lobbyBehind({ bytesPerSecond: 200_000, delayMs: 50 })
      traffic = startTraffic(lobby)
      await client.connect(wifi.url, ['polling', 'websocket'])
      await reached('the upgrade', async () => (await client.seen()).transport === 'websocket')
      const { critical } = await client.seen()
      await reached('500 critical messages after it', async () => {
        return (await client.seen()).critical.length >= critical.length + 500
      })
      expect(critical).to.not.be.empty
      expect(stats()).to.include({ transport: 'websocket' })
      expect(stats()!.state).to.not.equal('blind')
      await settle()
    })
  })
})

type Traffic = Pick<Load, 'criticalSent' | 'stop'>

/** More critical messages than the load of the lobby has, so that each change of state meets some. */
function startTraffic({ io }: Lobby): Traffic {
  let criticalSent = 0
  let frame = 0
  const art = 'c3Bpbg'.repeat(200)
  const timer = setInterval(() => {
    const sentAt = Date.now()
    const seq = ++criticalSent
    io.emit('jackpot:won', { game: 'comet', amount: seq, winner: 'Ada', seq, sentAt, art: '' })
    for (const game of ['comet', 'dune']) {
      io.emit('reel:frame', { game, frame: ++frame, symbols: ['7', 'A', 'K'], sentAt, art })
    }
  }, 8)
  return {
    get criticalSent() {
      return criticalSent
    },
    stop: () => clearInterval(timer),
  }
}

async function get<T>(url: string): Promise<T> {
  const response = await fetch(url)
  expect(response.status).to.equal(200)
  return (await response.json()) as T
}

function shareShed({ sent, dropped, conflated, expired }: ClientStats): number {
  const shed = dropped.messages + conflated.messages + expired.messages
  return shed / (sent.messages + shed)
}
