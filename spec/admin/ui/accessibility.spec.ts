import { expect } from 'chai'
import type { SpillwayPluginOptions } from '../../../lib/plugin-options.ts'
import type { ClientStats } from '../../../schemas/stats.ts'
import { reached } from '../../support/browser/browser.ts'
import { clientRows, rowsOf } from '../../support/browser/dashboard-page.ts'
import { Stage } from '../../support/browser/dashboard-stage.ts'
import type { RawClient } from '../../support/servers/server.ts'

const LIMIT_MS = 60_000

describe('The dashboard is for everyone', function () {
  this.timeout(LIMIT_MS)

  const stage = new Stage()

  /** @returns the clients that stay, in the order in which they came */
  const populate = async (options: SpillwayPluginOptions = {}): Promise<RawClient[]> => {
    await stage.start({ changeAuth: false }, options)
    const clients: RawClient[] = []
    for (let n = 0; n < 12; n++) clients.push(await stage.fixture.raw())
    stage.fixture.io.emit('jackpot:won', { n: 1 })
    stage.fixture.io.emit('reel:frame', { n: 'not a number' })
    const [{ id }] = [...stage.fixture.app.spillway.clients()] as [ClientStats]
    stage.fixture.app.spillway.terminate(id)
    return clients.slice(1)
  }
  const toClient = async () => {
    await stage.page.locator('#clients-table a').first().click()
    await reached('its page', () => stage.page.locator('#close-client').isVisible())
  }

  it('by keyboard alone', async () => {
    await populate()
    await stage.open()
    await reached('rows', async () => (await clientRows(stage.page)).size === 10)
    await reached('the form', () => stage.page.locator('#policy-form').isVisible())
    await stage.page.keyboard.press('Tab')
    expect(await stage.page.evaluate('document.activeElement.id')).to.equal('skip')
    await stage.page.keyboard.press('Enter')
    expect(await stage.page.evaluate('document.activeElement.id')).to.equal('main')
    expect(new URL(stage.page.url()).hash).to.equal('')
    const seen = new Set<string>()
    const nameOf = `(({ id, name, type, value, textContent, tagName }) =>
      [tagName, id || name || textContent.trim(), type === 'radio' ? '' : ''].join(' '))`
    const due: string[] = await stage.page.evaluate(`
      [...document.querySelectorAll('main :is(a, button, select, input, summary)')]
        .filter((each) => !each.disabled && each.checkVisibility() && each.type !== 'radio')
        .map(${nameOf})`)
    expect(due.length).to.be.greaterThan(20)
    for (let n = 0; n < 80; n++) {
      await stage.page.keyboard.press('Tab')
      seen.add(await stage.page.evaluate(`${nameOf}(document.activeElement)`))
      const outline = await stage.page.evaluate(
        `getComputedStyle(document.activeElement).outlineStyle`,
      )
      if (await stage.page.evaluate('document.activeElement !== document.body')) {
        expect(outline, [...seen].at(-1)!).to.not.equal('none')
      }
    }
    expect([...seen]).to.include.members(due)

    await stage.page.locator('#clients-table a').first().focus()
    await stage.page.keyboard.press('Enter')
    await reached('its page', () => stage.page.locator('#close-client').isVisible())
    await stage.page.locator('#close-client').focus()
    await stage.page.keyboard.press('Enter')
    await reached('the question', () => stage.page.locator('#confirm').isVisible())
    expect(await stage.page.evaluate('document.activeElement.textContent')).to.equal('Keep it')
    await stage.page.keyboard.press('Escape')
    expect(await stage.page.locator('#confirm').isVisible()).to.equal(false)
    expect(await stage.page.evaluate('document.activeElement.id')).to.equal('close-client')
  })

  it('in rows that keep the focus when they change places', async () => {
    // in which nobody is closed, and so leaves the table
    const clients = await populate({ mode: 'observe', stallAfter: 2000 })
    const { app, io } = stage.fixture
    await reached('the closing', () => app.spillway.stats().clients.connected === clients.length)
    const ids = [...app.spillway.clients()].map((client) => client.id)
    await stage.open()
    await reached('rows', async () => (await clientRows(stage.page)).size === 10)
    const last = stage.page.locator('#clients-table tbody a').last()
    const name = await last.getAttribute('href')
    await last.focus()
    const id = decodeURIComponent(name!.split('/').at(-1)!)
    const first = async () => [...(await clientRows(stage.page)).keys()][0]
    expect(await first()).to.not.equal(id)
    clients[ids.indexOf(id)]!.stall()
    io.emit('jackpot:won', { n: 2 })
    await reached('the first place', async () => (await first()) === id)
    expect(await stage.page.evaluate('document.activeElement.getAttribute("href")')).to.equal(name)
  })

  it('on a phone of 360 pixels, without scrolling to the side', async () => {
    await populate()
    await stage.open({ setUp: (opened) => opened.setViewportSize({ width: 360, height: 740 }) })
    await reached('rows', async () => (await clientRows(stage.page)).size === 10)
    await reached('closings', async () => (await rowsOf(stage.page, '#closings')).length === 1)
    const fits = () => stage.page.evaluate('document.documentElement.scrollWidth <= innerWidth')
    expect(await fits()).to.equal(true)
    await stage.page.getByText('Filter and order').click()
    expect(await fits()).to.equal(true)
    const outside = `[...document.querySelectorAll('main *')].filter((each) => {
      const { right } = each.getBoundingClientRect()
      return right > innerWidth && !each.closest('.scroll, .chart, .unseen')
    }).map(({ outerHTML }) => outerHTML.slice(0, 80))`
    expect(await stage.page.evaluate(outside)).to.deep.equal([])
    await toClient()
    expect(await fits()).to.equal(true)
    expect(await stage.page.evaluate(outside)).to.deep.equal([])
    await stage.page.locator('#close-client').click()
    expect(await fits()).to.equal(true)
  })

  for (const colorScheme of ['light', 'dark'] as const) {
    it(`in a ${colorScheme} scheme, with a contrast of 4.5 to 1`, async () => {
      await populate()
      await stage.open({ setUp: (opened) => opened.emulateMedia({ colorScheme }) })
      await reached('rows', async () => (await clientRows(stage.page)).size === 10)
      await reached('the form', () => stage.page.locator('#policy-form').isVisible())
      const ground = 'getComputedStyle(document.body).backgroundColor.match(/\\d+/)[0]'
      const bright = Number(await stage.page.evaluate(ground)) > 127
      expect(bright).to.equal(colorScheme === 'light')
      expect(await stage.page.evaluate(FAINT)).to.deep.equal([])
      await toClient()
      expect(await stage.page.evaluate(FAINT)).to.deep.equal([])
    })
  }

  it('with tables that have captions and heads, and charts that have words', async () => {
    await populate()
    await stage.open()
    await reached('rows', async () => (await clientRows(stage.page)).size === 10)
    const bare = `[...document.querySelectorAll('table')].filter((table) =>
      !table.caption || [...table.querySelectorAll('th')].some(({ scope }) => !scope)).length`
    expect(await stage.page.evaluate(bare)).to.equal(0)
    await reached('labels', async () =>
      stage.page.evaluate(`[...document.querySelectorAll('#overview [role=img]')]
        .every((chart) => chart.getAttribute('aria-label')?.length > 20)`),
    )
  })
})

/** The visible texts whose contrast is below 4.5, WCAG 2.2, 1.4.3; what is disabled may be. */
const FAINT = `(() => {
  const parse = (color) => color.match(/[\\d.]+/g).map(Number)
  const channel = (value) => (value / 255 <= 0.04045 ? value / 255 / 12.92 : ((value / 255 + 0.055) / 1.055) ** 2.4)
  const light = ([r, g, b]) => 0.2126 * channel(r) + 0.7152 * channel(g) + 0.0722 * channel(b)
  const groundOf = (element) => {
    for (let each = element; each; each = each.parentElement) {
      const color = parse(getComputedStyle(each).backgroundColor)
      if (color[3] !== 0) return color
    }
    return [255, 255, 255]
  }
  const faint = []
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT)
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const element = node.parentElement
    if (!node.data.trim() || !element.checkVisibility() || element.closest('.unseen, .skip, :disabled, template, noscript')) continue
    const [a, b] = [light(parse(getComputedStyle(element).color)), light(groundOf(element))].sort((x, y) => y - x)
    const ratio = (a + 0.05) / (b + 0.05)
    if (ratio < 4.5) faint.push(node.data.trim() + ' ' + ratio.toFixed(2))
  }
  return faint
})()`
