import { expect } from 'chai'
import { type Browser, openBrowser } from '../support/browser/browser.ts'
import { BrowserClient } from '../support/browser/browser-client.ts'
import type { Path } from '../support/paths/path-relay.ts'
import {
  type Brought,
  bringsEverything,
  offeredIn,
  PathTrial,
  playAll,
  type SideBySide,
} from '../support/paths/path-trial.ts'

/** Paths that carry 320 KB/s, but not evenly. */
const PATHS: Readonly<Record<string, Path>> = {
  'with 20 to 120 ms of jitter': { bytesPerSecond: 1_000_000, delayMs: 20, jitterMs: 100 },
  'released every 100 ms': { bytesPerSecond: 2_500_000, delayMs: 2, bunchMs: 100 },
  'released every 300 ms': { bytesPerSecond: 2_500_000, delayMs: 2, bunchMs: 300 },
}

const START = offeredIn(2000)
const LATER = offeredIn(10_000)
/** Messages that may be shed: far less than what a rule of bytes or of round trips alone sheds. */
const MOST = { start: START * 0.25, later: LATER * 0.01 }
/** Load lasts seconds here, and each wait is bounded by itself. */
const LIMIT_MS = 240_000

interface Seen extends Brought {
  /** Cosmetic messages that were shed of the first, and of the others. */
  readonly shed: { readonly start: number; readonly later: number }
}

describe('In Chromium behind a path', function () {
  this.timeout(LIMIT_MS)

  let browser: Browser
  let seen: Map<string, SideBySide<Seen>>

  before(async () => {
    browser = await openBrowser()
    seen = await playAll(PATHS, play, ({ shed }) => {
      return shed.start <= MOST.start && shed.later <= MOST.later
    })
  })

  after(() => browser.close())

  async function play(path: Path, plain: boolean): Promise<Seen> {
    const trial = await PathTrial.open(path, { plain })
    const page = await browser.page()
    try {
      const client = await BrowserClient.open(page, trial.lobby.url)
      const connected = new Promise((resolve) => trial.lobby.io.once('connection', resolve))
      await client.connect(trial.relay.url, ['websocket'])
      await connected
      trial.load()
      await trial.offer(START)
      const start = trial.shed
      await trial.offer(LATER)
      const later = trial.shed - start
      await trial.settle(async () => (await client.seen()).cosmetic)
      const { cosmetic, critical, disconnects } = await client.seen()
      const { offered, criticalSent } = trial
      return { shed: { start, later }, offered, cosmetic, critical, criticalSent, disconnects }
    } finally {
      await page.close()
      await trial.close()
    }
  }

  for (const name of Object.keys(PATHS)) {
    describe(name, () => {
      bringsEverything((subject) => seen.get(name)![subject])

      it('spillway sheds a quarter of them at most in the first two seconds', () => {
        expect(seen.get(name)!.spillway.shed.start).to.be.at.most(MOST.start)
      })

      it('spillway sheds 1 % of them at most later', () => {
        expect(seen.get(name)!.spillway.shed.later).to.be.at.most(MOST.later)
      })
    })
  }

  it('reports no error', () => {
    expect(browser.troubles).to.deep.equal([])
  })
})
